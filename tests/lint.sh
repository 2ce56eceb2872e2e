#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The linters, each over all our sources, on all processors. Prints PASS or FAIL for each tool; what a tool has to say
# stands in build/lint/TOOL.log, and the first of it on standard output.
#
#   tests/lint.sh [format|tidy|cppcheck|shell]...
set -u
cd "$(dirname "$0")/.." || exit 2

jobs=$(nproc)
out=build/lint
mkdir -p "$out"
failed=0
mapfile -t sources < <(find core sim-frontend kvm-frontend fuzz tests -name '*.c' | sort)
mapfile -t headers < <(find core sim-frontend kvm-frontend fuzz tests -name '*.h' | sort)
mapfile -t scripts < <(find tests fuzz \( -name '*.sh' \) | sort; echo .ci/run)
includes="-I. -Icore -Isim-frontend -Ikvm-frontend -Ikvm-frontend/boot -Ifuzz -Itests/guest"

verdict() { # tool, 0 when it is content
	if [ "$2" = 0 ]; then
		echo "PASS lint-$1"
	else
		echo "FAIL lint-$1: $(grep -oE '^[^ :]+:[0-9]+' "$out/$1.log" | cut -d: -f1 | sort | uniq -c | sort -rn |
			awk '{printf "%s (%d) ", $2, $1}')"
		head -n 40 "$out/$1.log"
		failed=1
	fi
}

lint_format() {
	printf '%s\0' "${sources[@]}" "${headers[@]}" | xargs -0 -n 20 -P "$jobs" clang-format --dry-run -Werror >"$out/format.log" 2>&1
	verdict format $?
}

# The analyzer's search is cut off early: the rest of it found nothing more here, and takes ten times as long. It stays away
# from tests: it does not know that a failed assertion ends one. fuzz/afl.c is for AFL++'s own compiler.
tidy_one() {
	local extra="--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=20000"
	case $1 in
	fuzz/afl.c) return 0 ;;
	tests/*) extra='--checks=-clang-analyzer-*' ;;
	esac
	# shellcheck disable=SC2086
	said=$(clang-tidy --quiet $extra "$1" -- -std=gnu11 $includes 2>&1) && return 0
	echo "$said" | grep -v ' warnings\? generated\|^Suppressed\|^Use -\|warnings treated as errors'
	return 1
}

lint_tidy() {
	export -f tidy_one
	export includes
	printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$jobs" bash -c 'tidy_one "$0"' >"$out/tidy.log"
	verdict tidy $?
}

lint_cppcheck() {
	# shellcheck disable=SC2086
	cppcheck -q -j "$jobs" --enable=warning,performance,portability --inline-suppr --std=c11 --error-exitcode=1 \
		--suppressions-list=tests/cppcheck-suppressions.txt $includes "${sources[@]}" >"$out/cppcheck.log" 2>&1
	verdict cppcheck $?
}

# Not of use here: variables from a sourced file (2154), empty assignments in a row (1007), words that are commands too (2209),
# busybox's ash (2187), pieces that are sourced (2148) and what they set for others (2034).
lint_shell() {
	shellcheck -x -f gcc -S warning -e SC2154,SC1007,SC2209,SC2187,SC2148,SC2034 "${scripts[@]}" >"$out/shell.log" 2>&1
	verdict shell $?
}

[ $# -gt 0 ] || set -- format tidy cppcheck shell
for tool in clang-format clang-tidy cppcheck shellcheck; do
	command -v $tool >/dev/null || { echo "FAIL lint-$tool: not installed; tests/deps.sh lint installs it"; exit 1; }
done
for tool in "$@"; do
	case $tool in
	format | tidy | cppcheck | shell) "lint_$tool" ;;
	*) echo "usage: tests/lint.sh [format|tidy|cppcheck|shell]..." >&2; exit 2 ;;
	esac
done
exit $failed

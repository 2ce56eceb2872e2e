#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a reader may rely on in every file of ours:
#
#   tests/check-style.sh [ROOT]
#
# Functions of 60 lines, files of 500 and fuzz targets of 100 at most, an SPDX line first, and in core none of the words that have no place there.
# What the formatter and the linters can see is left to them (tests/lint.sh).
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2

function_max=60 # lines, from the opening brace to the closing one
file_max=500
target_max=99 # what a target does with its input is read at a glance; what it needs has files of its own

# Files that are longer, each with the length it may have. The numbers only ever go down, and a line goes once it is not needed.
ratchet='
'

failed=0
verdict() { # name, offending lines
	if [ -z "$2" ]; then
		echo "PASS $1"
	else
		echo "FAIL $1: $(echo "$2" | head -n 20 | paste -sd';')"
		failed=1
	fi
}

mapfile -t sources < <(find core sim-frontend kvm-frontend fuzz tests \( -name '*.[chS]' -o -name '*.def' \) | sort)
mapfile -t core < <(find core -name '*.[ch]' | sort)
mapfile -t scripts < <(find tests fuzz .ci \( -name '*.sh' -o -path .ci/run \) 2>/dev/null | sort)
[ ${#sources[@]} -gt 0 ] || { echo "FAIL style: no sources in $PWD"; exit 1; }

# Braces in the first column open and close functions; so it is in our format, which the linter checks.
verdict style-function-length "$(awk -v max=$function_max '
	FNR == 1 { at = 0 }
	/^\{/ { at = FNR }
	/^}/ && at { if (FNR - at + 1 > max) printf "%s:%d: %d lines\n", FILENAME, at, FNR - at + 1; at = 0 }
' "${sources[@]}")"

verdict style-file-length "$(wc -l "${sources[@]}" "${scripts[@]}" | awk -v max=$file_max -v target=$target_max -v ratchet="$ratchet" '
	BEGIN { n = split(ratchet, word); for (i = 1; i < n; i += 2) limit[word[i]] = word[i + 1] }
	$2 == "total" { next }
	{ seen[$2] = $1 }
	$1 > ($2 in limit ? limit[$2] : $2 ~ /^fuzz\/fuzz_/ ? target : max) { printf "%s: %d lines\n", $2, $1 }
	END { for (f in limit) if (!(f in seen) || seen[f] < limit[f]) printf "%s: lower its line in the ratchet list\n", f }')"

verdict style-spdx "$(awk '
	FILENAME ~ /\.(sh|run)$|\.ci\/run$/ { if (FNR <= 2 && $0 == "# SPDX-License-Identifier: BSD-2-Clause") good[FILENAME] = 1; next }
	FNR == 1 && ($0 == "// SPDX-License-Identifier: BSD-2-Clause" || $0 == "/* SPDX-License-Identifier: BSD-2-Clause */") { good[FILENAME] = 1 }
	END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in good)) print ARGV[i] }
' "${sources[@]}" "${scripts[@]}")"

# Our own mistakes end in core_check; nothing in core allocates, prints, ends the process or asks the system.
words='assert|malloc|calloc|realloc|free|alloca|printf|fprintf|snprintf|puts|abort|exit|perror|getenv|time|rand|memalign|strdup'
verdict style-core-words "$(grep -nE "(^|[^_a-zA-Z0-9.>])($words)[[:space:]]*\(" "${core[@]}" | grep -vE '^[^:]*:[0-9]*:[[:space:]]*(/?\*|//)')"

# Names that begin with two underscores belong to the compiler (check-core.sh relies on that).
verdict style-reserved-names "$(grep -nE '^(static |extern )*[a-z_0-9]+[ *]+__[a-z0-9_]+ *(\(|=|;|\[)' "${core[@]}")"

# The simulator is deterministic because there is one thread of control.
verdict style-no-threads "$(printf '%s\n' "${sources[@]}" | grep -vE '^(kvm-frontend|tests)/' |
	xargs grep -nE '\b(_Thread_local|__thread|pthread_|thrd_)')"
exit $failed

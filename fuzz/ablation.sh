#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/ablation.sh [NAME...]: what is lost without the mutator, and without each oracle? Runs fuzz/enginebench.sh as it is, then with
# changes byte by byte alone, then for each oracle that told of a bug once more without that one, on those bugs: what finds the others
# stays switched on, so they do not depend on it. A table for docs/bugbench.md.
#   ENGINE=libfuzzer|afl
#   BENCH_SECONDS=300     for each bug as it is; LESS_SECONDS=30: for each bug where something is left out
#   SHOW=1                runs nothing, and shows what is there
# The tables stay in build/ablation/ENGINE: base, bytes, without-ORACLE; one that is there is not made again.
set -u
cd "$(dirname "$0")/.." || exit 2
export ENGINE=${ENGINE:-libfuzzer}
less=${LESS_SECONDS:-30} out=build/ablation/$ENGINE
mkdir -p "$out"

# bench FILE COMMAND...: its table, complete or not there
bench() {
	local file=$out/$1
	shift
	if [ -s "$file" ] || [ -n "${SHOW:-}" ]; then return 0; fi
	echo "ablation: ${file##*/} ..." >&2
	"$@" >"$file.part"
	grep -q '^bugbench: .* median' "$file.part" || { cat "$file.part" >&2; exit 1; }
	mv "$file.part" "$file"
}
row() { [ ! -e "$1" ] || awk '$6 ~ /^[a-zA-Z]/ && $7 ~ /^[0-9.]+$/' "$1"; }
last() { if [ -e "$1" ]; then sed -n 's/^bugbench: \(.*median.*\)/\1/p' "$1"; else echo "not tried"; fi; }

bench base fuzz/enginebench.sh "$@"
export BENCH_KEEP=1
RINGSIDE_FUZZ_BY_BYTES=1 BENCH_SECONDS=$less bench bytes fuzz/enginebench.sh "$@"
# Sanitizers are built in and can not be switched off.
for oracle in $(row "$out/base" | awk '$6 !~ /^(MISSED|asan|msan|ubsan|trap|timeout|not-again|unclear)$/ { print $6 }' | sort -u); do
	mapfile -t told < <(row "$out/base" | awk -v by="$oracle" '$6 == by { print $1 }')
	RINGSIDE_FUZZ_WITHOUT=$oracle BENCH_SECONDS=$less bench "without-$oracle" fuzz/enginebench.sh "${told[@]}"
done

echo "| bug | target | seeds | told by | s | byte by byte | s | without that oracle | s | seeds then |"
echo "|---|---|--:|---|--:|---|--:|---|--:|--:|"
row "$out/base" | while read -r bug target seeds _ _ by took; do
	bytes=- bytes_took=- without=- without_took=- left=-
	read -r bytes bytes_took < <(row "$out/bytes" | awk -v bug="$bug" '$1 == bug { print $6, $7 }')
	[ ! -e "$out/without-$by" ] || read -r without without_took left < <(row "$out/without-$by" | awk -v bug="$bug" '$1 == bug { print $6, $7, $3 }')
	echo "| $bug | $target | $seeds | $by | $took | $bytes | $bytes_took | $without | $without_took | $left |"
done
echo
echo "As it is: $(last "$out/base"). Byte by byte, $less s for each: $(last "$out/bytes")."
grep -q . "$out"/without-* 2>/dev/null || exit 0
echo
echo "| without | bugs that it told of | then missed in $less s | then told by |"
echo "|---|--:|---|---|"
for file in "$out"/without-*; do
	case $file in *.part | *"*") continue ;; esac
	row "$file" | awk -v oracle="${file##*/without-}" '
		{ n++; if ($6 == "MISSED") { missed = missed " " $1 } else { if (!by[$6]++) order[++m] = $6 } }
		END { for (i = 1; i <= m; i++) told = told (i > 1 ? ", " : "") order[i] " (" by[order[i]] ")"
			printf "| %s | %d |%s | %s |\n", oracle, n, missed ? missed : " none", told ? told : "nobody" }'
done

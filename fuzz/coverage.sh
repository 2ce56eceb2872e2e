#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/coverage.sh [FILE|--left]: what all that is kept reaches of core/, lines and branches, as a table; with FILE, that source
# annotated; --left: the lines that nothing reaches.
# Status 1 when it is less than 97 % of the lines or 90 % of the branches.
#   fuzz/coverage.sh --of TARGET DIRECTORY [all]   what the programs of a directory reach of that device (make fuzz FRESH=1), or, where it is none, of core/;
#                                                  boot: of the loaders; all: of all of core/
# Kept are the fuzz targets' programs, run as in make test, and some recorded, shown and replayed; the traces of guests, replayed strictly
# and loosely, and shown; the frozen texts.
set -eu
cd "$(dirname "$0")/.."
work=build/cov/profile
mkdir -p $work
tool() { command -v "$1" || command -v "$1-14" || { echo "coverage: no $1: apt-get install llvm" >&2; exit 2; }; }
profdata=$(tool llvm-profdata) cov=$(tool llvm-cov)
objects=()

played() { # NAME PROGRAM ARGUMENTS...: one run; what it says is not asked for
	local name=$1
	shift
	LLVM_PROFILE_FILE=$work/$name.profraw "$@" >"$work/log" 2>&1 || { sed 's/^/coverage: /' "$work/log" >&2; exit 2; }
}
object() {
	[ ${#objects[@]} = 0 ] || objects+=(-object)
	objects+=("$1")
}
merge() {
	"$profdata" merge -o $work/all.profdata $work/*.profraw
	objects+=("-instr-profile=$work/all.profdata")
}
table() { "$cov" report "${objects[@]}" "$@" | awk '$1 ~ /\.[ch]$/ && $8 { sub(/.*core\//, "", $1)
	printf "%-28s %6d lines %7.2f %%   %6d branches %7.2f %%\n", $1, $8, $10, $11, $11 ? $13 : 100 }'; }

if [ "${1:-}" = --of ]; then
	work=build/cov/profile-of && mkdir -p $work && rm -f $work/*
	make -s -j"$(nproc)" FLAVOUR=cov "build/cov/replay_$2"
	played "$2" "build/cov/replay_$2" "$3"
	object "build/cov/replay_$2"
	merge
	of=(core/devices/"$2"*.c)
	[ $# = 3 ] && [ -e "${of[0]}" ] || of=(core/)
	[ "$2" != boot ] || of=(kvm-frontend/boot/)
	table "${of[@]}"
	exit
fi

rm -f $work/*
fuzz/seeds.sh
make -s -j"$(nproc)" FLAVOUR=cov corpus-player build/cov/ringside
for seeds in build/corpus/*/; do
	kind=$(basename "$seeds")
	played "$kind" "build/cov/replay_$kind" "build/corpus/$kind"
	object "build/cov/replay_$kind"
done
object build/cov/ringside
ringside() { played ringside-%m build/cov/ringside "$@"; } # one profile for all its runs
for trace in corpus/traces/*.vtrace; do
	ringside replay "$trace"
	ringside replay --loose "$trace"
	ringside show "$trace"
done
for version in 1 2; do
	ringside assemble corpus/frozen/version-$version.txt -o $work/frozen.vtrace
	ringside show corpus/frozen/version-$version.vtrace
done
for program in corpus/{blk/[!bg],rng/[!bg],net/[!g],console/[!g]}*.txt; do
	ringside run --quiet --record $work/run.vtrace "$program"
	ringside show $work/run.vtrace
	ringside run --quiet --without-oracle all "$program" # nobody watches: the ways past the tap
done
merge
case ${1:-} in
'')
	table core/
	read -r lines branches < <("$cov" report "${objects[@]}" core/ | awk '$1 == "TOTAL" { print $10 + 0, $13 + 0 }')
	verdict=PASS
	awk -v l="$lines" -v b="$branches" 'BEGIN { exit l >= 97 && b >= 90 }' && verdict=FAIL
	echo "$verdict coverage: $lines % of the lines of core/ and $branches % of its branches are reached (97 and 90 are asked for)"
	[ $verdict = PASS ]
	;;
--left) # file:line of each line that nothing reaches
	"$cov" show "${objects[@]}" core/ | awk '
		/^\/.*:$/ { sub(/:$/, ""); sub(/.*\/core\//, "core/"); file = $0 }
		/^ *[0-9]+\| +0\|/ { split($0, part, "|"); gsub(/ /, "", part[1]); sub(/^[^|]*\|[^|]*\|/, ""); print file ":" part[1] ":" $0 }' |
		sort -u -t: -k1,1 -k2,2n
	;;
*) "$cov" show "${objects[@]}" "$@" ;;
esac

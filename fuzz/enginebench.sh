#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/enginebench.sh [NAME...]: how fast does a fuzzer find the planted bugs? For each bug of fuzz/bugs/ the target of its device is
# built with it. The kept programs of that device (corpus/blk and so on; never corpus/bugs) run once each; those that show the bug as
# they are are left out, and the fuzzer runs on one core from the rest. A table:
#   seeds                so many kept programs show it as they are: with them, it is found in 0 s
#   reached, triggered   how often the fuzzer passed the planted place, and how often the bug mattered there
#   by, seconds          who told: an oracle, a sanitizer (asan, ubsan, msan, trap), or the clock (timeout: no end in 10 s), or, under AFL++,
#                        whose targets' words are lost, nobody a second time (not-again); seconds until then, from the other programs
# ENGINE=libfuzzer|afl; BENCH_SECONDS=300 for each bug; RINGSIDE_FUZZ_WITHOUT=ORACLE and RINGSIDE_FUZZ_BY_BYTES=1 leave out an oracle,
# or the mutator: what is lost (fuzz/ablation.sh)? BENCH_KEEP=1: targets and kept programs are built already. Status 1: a bug is missed.
set -u
cd "$(dirname "$0")/.." || exit 2
. fuzz/engines.sh
case ${ENGINE:-libfuzzer} in
libfuzzer) flavour=fuzz ;;
afl) flavour=afl ;;
*) echo "bugbench: ENGINE is sim, libfuzzer or afl, not '$ENGINE'" >&2; exit 2 ;;
esac
seconds=${BENCH_SECONDS:-300} built=build/bugs/$flavour
case $seconds in '' | *[!0-9]*) echo "bugbench: BENCH_SECONDS must be a number of seconds, not '$seconds'" >&2; exit 2 ;; esac
work=$(mktemp -d /dev/shm/ringside-bugs.XXXXXX 2>/dev/null || mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
# What MSan alone sees is put before libFuzzer, whose target has it then instead of ASan; AFL++ has no such flavour.
mapfile -t names < <(if [ $flavour = fuzz ]; then ls fuzz/bugs/*.patch; else grep -L '^build: msan' fuzz/bugs/*.patch; fi | sed 's|.*/||; s|\.patch$||')
[ $# = 0 ] || names=("$@")
for name in "${names[@]}"; do
	[ -e fuzz/bugs/"$name".patch ] || { echo "bugbench: no bug $name: see fuzz/bugs/" >&2; exit 2; }
done
if [ -z "${BENCH_KEEP:-}" ]; then
	fuzz/seeds.sh || exit 1
	echo "bugbench: building ${#names[@]} fuzz targets with a bug each for ${ENGINE:-libfuzzer} ..."
	ENGINE=$flavour fuzz/bugs/plant.sh "${names[@]}" 2>build/bugs.log || failed=1
	[ $flavour != afl ] || make -s build/afl/mutator.so || exit 1
fi
export ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0:$asan_options AFL_BENCH_UNTIL_CRASH=1

told_by() { # what a run said: an oracle's name, or a sanitizer's
	local what
	what=$(sed -n 's/^ORACLE \([a-z-]*\).*/\1/p' "$1" | head -n 1)
	if [ -n "$what" ]; then echo "$what"
	elif grep -aq 'libFuzzer: timeout' "$1"; then echo timeout
	elif grep -aq 'runtime error:' "$1"; then echo ubsan
	elif grep -aq 'AddressSanitizer: \(ILL\|TRAP\)\|deadly signal' "$1"; then echo trap
	elif grep -aq 'ERROR: AddressSanitizer' "$1"; then echo asan
	elif grep -aq 'WARNING: MemorySanitizer' "$1"; then echo msan
	elif grep -q '^not again$' "$1"; then echo not-again
	else echo "unclear"; fi
}
fuzz_libfuzzer() { # NAME TARGET: status 1 when something is found; what it says in $work/out
	mkdir "$work/grow"
	{
		"$built/$1" -max_total_time="$seconds" -max_len="$(max_len_of "$2")" -dict="$(dict_of "$2")" "${libfuzzer_options[@]}" -artifact_prefix="$work/crash/" \
			"$work/grow" "$work/seeds" >"$work/out" 2>&1
	} 2>/dev/null # bash tells of aborts
}
fuzz_afl() {
	local find many
	afl_environment "$2" "$(max_len_of "$2")"
	[ -z "${RINGSIDE_FUZZ_BY_BYTES:-}" ] || unset AFL_CUSTOM_MUTATOR_LIBRARY
	(pinned 1 afl-fuzz -V "$seconds" -G "$RINGSIDE_FUZZ_MAX_LEN" -x "$(dict_of "$2")" "${afl_options[@]}" -i "$work/seeds" -o "$work/afl" -- "$built/$1") \
		>"$work/afl.out" 2>&1
	find=$(find "$work/afl" -path '*crashes/id*' | head -n 1)
	if [ -z "$find" ]; then
		[ -r "$work/afl/default/fuzzer_stats" ] || { tail -n 5 "$work/afl.out" >&2; exit 1; }
		return 0
	fi
	cp "$find" "$work/crash/"
	mapfile -t many < <(for ((i = 0; i < 16; i++)); do echo "$find"; done) # where it takes what ran before
	{ "$built/$1" "$find" >"$work/out" 2>&1 && "$built/$1" "${many[@]}" >"$work/out" 2>&1; } 2>/dev/null # bash tells of aborts
	case $? in
	0) echo 'not again' >>"$work/out" ;;
	132) echo 'deadly signal' >>"$work/out" ;; # SIGILL: a trap, which says nothing
	esac
	return 1
}
# All in one process, which ends at the first one that shows the bug; then the rest.
silent_seeds() { # NAME TARGET: into $work/seeds; prints how many others there are
	local shows=0 seed rest=()
	cp -r "build/corpus/$2" "$work/seeds"
	rest=("$work/seeds"/*)
	until timeout 60 "$built/$1" "${libfuzzer_options[@]}" "${rest[@]}" >"$work/out" 2>&1; do
		seed=$(sed -n 's/^Running: //p' "$work/out" | tail -n 1)
		[ -e "$seed" ] || break
		while [ "${rest[0]}" != "$seed" ]; do rest=("${rest[@]:1}"); done
		rest=("${rest[@]:1}")
		rm "$seed"
		shows=$((shows + 1))
		[ ${#rest[@]} != 0 ] || break
	done 2>/dev/null # bash tells of aborts
	echo $shows
}
bench() { # NAME
	local name=$1 target start took reached=0 triggered=0 by=MISSED shows
	target=$(cat "$built/$1.target")
	rm -rf "${work:?}"/*
	mkdir "$work/crash"
	shows=$(silent_seeds "$name" "$target")
	export RINGSIDE_CANARY=$work/canary
	start=$(date +%s%N)
	"fuzz_${ENGINE:-libfuzzer}" "$name" "$target" || by=$(told_by "$work/out")
	took=$((($(date +%s%N) - start) / 10000000))
	unset RINGSIDE_CANARY
	[ ! -s "$work/canary" ] || read -r reached triggered < <(od -An -tu8 "$work/canary" | tr '\n' ' '; echo)
	printf '%-5s %-8s %5d %12s %12s  %-12s %6d.%02d\n' "$name" "$target" "$shows" "$reached" "$triggered" "$by" \
		$((took / 100)) $((took % 100))
	echo "$shows" >>"$work.seeds"
	if [ $by = MISSED ]; then failed=1; else echo "$took" >>"$work.times"; fi
}
printf '%-5s %-8s %5s %12s %12s  %-12s %9s\n' bug target seeds reached triggered by seconds
: >"$work.times"
: >"$work.seeds"
for name in "${names[@]}"; do
	[ ! -x "$built/$name" ] || bench "$name"
done
sort -n "$work.times" | awk -v all=${#names[@]} -v seeds="$(grep -cv '^0$' "$work.seeds")" '{ t[NR] = $1 / 100 } END {
	if (NR) m = NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2
	printf "bugbench: %d of %d bugs are shown by kept programs; from the others %d are found; median %.2f s, slowest %.2f s\n", seeds, all, NR, m, t[NR] }'
rm -f "$work.times" "$work.seeds"
exit $failed

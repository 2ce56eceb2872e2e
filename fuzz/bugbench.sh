#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/bugbench.sh [NAME...]: how fast are bugs found? Plants the bugs of fuzz/bugs/ one at a time, runs `ringside sim` on one
# core with a seed that nobody chose, and shrinks what it finds. Prints a table:
#   reached    how often the planted place was passed, and triggered how often the bug mattered there
#   oracle     who found it (crash: a sanitizer, a trap); seconds until then
#   ops        of the run that found it, and after shrinking
# Status 1 when a patch does not apply any more, a bug is not found within BENCH_SECONDS (60), or something is found in the tree
# without a bug. What was found stays in build/bugs/finds. KEEP=1: the shrunk programs replace those of corpus/bugs.
#   ENGINE=libfuzzer|afl   a fuzzer instead of the simulator: fuzz/enginebench.sh
set -u
cd "$(dirname "$0")/.." || exit 2
[ "${ENGINE:-sim}" = sim ] || exec fuzz/enginebench.sh "$@"
seconds=${BENCH_SECONDS:-60}
finds=build/bugs/finds
mkdir -p build/bugs
failed=0
mapfile -t names < <(cd fuzz/bugs && for patch in *.patch; do echo "${patch%.patch}"; done)
[ $# = 0 ] || names=("$@")
for name in "${names[@]}"; do
	[ -e fuzz/bugs/"$name".patch ] || { echo "bugbench: no bug $name: see fuzz/bugs/" >&2; exit 2; }
done
head_of() { sed -n "s/^$2: //p" fuzz/bugs/"$1".patch; }
fail() { echo "FAIL bugbench: $1"; failed=1; }
field() { sed -n "s/^VIOLATION \([a-z-]*\).* at op [0-9]* of \([0-9]*\),.*/\\$2/p" "$finds/$1/sim.out"; }

mapfile -t flavours < <(for name in "${names[@]}"; do head_of "$name" build; done | sort -u)
echo "bugbench: building ${#names[@]} copies of the tree with a bug each, and without one for ${flavours[*]} ..."
plant_log=$(ENGINE='' fuzz/bugs/plant.sh "${flavours[@]/#/clean-}" "${names[@]}" 2>build/bugs.log) || { echo "$plant_log"; failed=1; }

simulate() { # NAME SECONDS: status of the sim; its output in sim.out
	rm -rf "${finds:?}/$1"
	mkdir -p "$finds/$1"
	: >"$finds/$1/canary"
	# shellcheck disable=SC2046 # words
	RINGSIDE_CANARY=$finds/$1/canary build/bugs/"$1" sim --seconds "$2" $([ ! -e fuzz/bugs/"$1".patch ] || head_of "$1" sim) --out "$finds/$1" >"$finds/$1/sim.out" 2>"$finds/$1/sim.err"
}
shrink() { # NAME: prints how many ops are left
	local found
	found=$(sed -n 's/.*written: //p' "$finds/$1/sim.out")
	build/bugs/"$1" shrink "$found" -o "$finds/$1/shrunk" >"$finds/$1/shrink.out" 2>&1 &&
		sed -n 's/^after: *\([0-9]*\) ops.*/\1/p' "$finds/$1/shrink.out"
}
blame() { # NAME: what it shows must be the bug's doing
	local clean
	clean=build/bugs/clean-$(head_of "$1" build)
	[ ! -e "$finds/$1/shrunk.txt" ] || "$clean" run --quiet "$finds/$1/shrunk.txt" >"$finds/$1/clean.out" 2>&1 ||
		fail "$1: what was found is not the bug: $finds/$1/shrunk.txt fails in the tree without it: $(grep -m1 VIOLATION "$finds/$1/clean.out")"
}
bench() { # NAME
	local name=$1 start status=0 took reached triggered ops='' left=''
	start=$(date +%s%N)
	simulate "$name" "$seconds" || status=$?
	took=$((($(date +%s%N) - start) / 10000000))
	read -r reached triggered < <(od -An -tu8 "$finds/$name/canary" | tr '\n' ' '; echo)
	if [ $status = 1 ]; then
		ops=$(field "$name" 2) left=$(shrink "$name")
		printf '%-5s %10s %10s  %-12s %5d.%02d %6s %6s\n' "$name" "${reached:-0}" "${triggered:-0}" "$(field "$name" 1)" \
			$((took / 100)) $((took % 100)) "$ops" "${left:--}"
		[ -n "$left" ] || fail "$name: the find does not shrink: $(tail -n 1 "$finds/$name/shrink.out")"
		echo "$took" >>"$finds/times"
		blame "$name"
	elif [ $status = 0 ]; then
		printf '%-5s %10s %10s  %-12s %5d.%02d\n' "$name" "${reached:-0}" "${triggered:-0}" MISSED $((took / 100)) $((took % 100))
		fail "$name is not found within $seconds s ($(sed -n 's/^\(sim: seed [^,]*\).*/\1/p' "$finds/$name/sim.out"))"
	else
		fail "$name: the simulator ended with status $status: $(tail -n 1 "$finds/$name/sim.err")"
	fi
}

for flavour in "${flavours[@]}"; do
	[ -x build/bugs/clean-"$flavour" ] || continue
	simulate clean-"$flavour" 10 || fail "the tree without a bug ($flavour): $(grep -m1 VIOLATION "$finds/clean-$flavour/sim.out")"
done
printf '%-5s %10s %10s  %-12s %8s %6s %6s\n' bug reached triggered oracle seconds ops shrunk
rm -f "$finds/times"
for name in "${names[@]}"; do
	[ -x build/bugs/"$name" ] || continue
	bench "$name"
	[ -z "${KEEP:-}" ] || [ ! -e "$finds/$name/shrunk.txt" ] || { mkdir -p corpus/bugs && cp "$finds/$name/shrunk.txt" corpus/bugs/"$name".txt; }
done
if [ -e "$finds/times" ]; then
	sort -n "$finds/times" | awk -v all=${#names[@]} '{ t[NR] = $1 / 100 } END {
		printf "bugbench: %d of %d bugs found; median %.2f s, slowest %.2f s\n", NR, all, NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2, t[NR] }'
fi
exit $failed

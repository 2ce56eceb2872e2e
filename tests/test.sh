#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make test: everything but the guest's boot. Prints `PASS name` or `FAIL name: why` for each check, and a sum at the end.
#   plain, asan   all unit tests, under gcc without and with ASan+UBSan
#   msan          those of core and of the simulator (Makefile: core-units), under clang
#   clang, msan   the programs that replay the kept traces and the corpus (MSan: no uninitialised byte reaches a guest)
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
log=$work/log
: >"$log"
trap 'rm -rf "$work"' EXIT
jobs=$(nproc)
start=$SECONDS

build() { # build FLAVOUR TARGET...
	local begun=$SECONDS
	echo "test: building $1 ..."
	if ! make -s -j"$jobs" FLAVOUR="$1" "${@:2}"; then
		echo "FAIL build-$1: see the compiler's message above" | tee -a "$log"
		exit 1
	fi
	echo "test: $1 is built, $((SECONDS - begun)) s"
}
run() { # run COMMAND...: its PASS and FAIL lines count; a command that fails without a FAIL line is one
	local before status=0 begun=$SECONDS
	before=$(grep -c '^FAIL ' "$log")
	"$@" 2>&1 </dev/null | tee -a "$log"
	status=${PIPESTATUS[0]}
	if [ "$status" != 0 ] && [ "$(grep -c '^FAIL ' "$log")" = "$before" ]; then
		echo "FAIL $(basename "$1"): status $status" | tee -a "$log"
	fi
	echo "test: $(basename "$1"), $(($# - 1)) programs: $((SECONDS - begun)) s"
}

build plain all units corpus-player build/plain/reach
build asan all units corpus-player
build clang build/clang/ringside corpus-player
build msan build/msan/ringside core-units corpus-player
mapfile -t units < <(find build/{plain,asan,msan}/tests -type f -executable | sort)
run tests/run-unit.sh "${units[@]}"

# The rest: as many lanes at a time as there are processors; in a lane one check after the other, because they share what they build.
# Scripts of tests/e2e that no lane names are the last one's. What a check says is shown when it ends.
lane() { # lane COMMAND...: each with its arguments
	local command
	for command in "$@"; do
		local out=$work/$BASHPID.out status=0 begun=$SECONDS
		$command >"$out" 2>&1 </dev/null || status=$?
		if [ "$status" != 0 ] && ! grep -q '^FAIL ' "$out"; then
			echo "FAIL $(basename "${command%% *}"): status $status" >>"$out"
		fi
		echo "test: $command: $((SECONDS - begun)) s" >>"$out"
		flock "$log" cat "$out"
	done
}
fuzzed=(tests/e2e/services.sh tests/e2e/fuzz.sh tests/e2e/corpus.sh tests/e2e/triage.sh tests/e2e/reach.sh)
for flavour in plain clang asan msan; do
	fuzzed+=("fuzz/play.sh $flavour")
done
planted=(tests/e2e/bugs.sh tests/e2e/export.sh)
machines=()
for script in files guest-program machine save tiny; do
	machines+=("tests/e2e/$script.sh")
done
rest=("tests/check-core.sh build/plain/libcore.a build/clang/libcore.a build/asan/libcore.a build/msan/libcore.a")
for check in includes style clauses canary; do
	rest+=("tests/check-$check.sh")
done
for script in tests/e2e/*.sh; do
	case " ${fuzzed[*]} ${planted[*]} ${machines[*]} " in *" $script "*) ;; *) rest+=("$script") ;; esac
done
{
	for name in fuzzed planted machines rest; do
		while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
		declare -n commands=$name
		lane "${commands[@]}" &
	done
	wait
} | tee -a "$log"

passed=$(grep -c '^PASS ' "$log") failed=$(grep -c '^FAIL ' "$log")
echo "test: $passed passed, $failed failed, $((SECONDS - start)) s"
[ "$failed" = 0 ]

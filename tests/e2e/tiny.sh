#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The tiny guest (tests/guest/tiny.c) drives the virtio windows through real vCPU exits: on /dev/kvm where there is one, else in the
# nested machine. Then its traces are replayed: a whole one, and one whose recorder was killed.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${RINGSIDE_BIN:-build/plain} out=build/tiny
failures=0
pass() { echo "PASS tiny/$1"; }
fail() { echo "FAIL tiny/$1: $2"; failures=1; }

mkdir -p build
exec 9>"$out.lock"
flock 9 # another run in the same tree goes first
make -s -f tests/guest/rules.mk guest || { fail build "see the compiler's message above"; exit 1; }
status=0
tests/boot/machine.sh --need kvm --timeout 500 --out "$out" --prog "$bin/ringside-vmm" --file build/guest/tiny.elf \
	--file tests/guest/tiny_cases.def tests/guest/tiny-run.sh >"$out.log" 2>&1 || status=$?
grep '^machine:' "$out.log"
if [ -s "$out/results" ]; then
	cat "$out/results"
	! grep -q '^FAIL ' "$out/results" || failures=1
else
	tail -n 20 "$out.log"
	fail machine "no results, status $status"
fi

# replay NAME WORDS: strictly, to the end, where WORDS are said
replay() {
	local text
	if text=$("$bin/ringside" replay "$out/$1.vtrace" 2>&1) && grep -q "$2" <<<"$text"; then
		pass "replay-$1"
	else
		fail "replay-$1" "$text"
	fi
}
replay recorded 'bit-exact'
replay killed 'cut short'
exit $failures

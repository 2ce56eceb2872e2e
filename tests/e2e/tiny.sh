#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The tiny guest (tests/guest/tiny.c) drives the virtio windows through real vCPU exits: on /dev/kvm where there is one, else in the
# nested machine. Then its traces are replayed: a whole one, and one whose recorder was killed.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${RINGSIDE_BIN:-build/plain} out=build/tiny
prefix=tiny/
. tests/report.sh

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

# Where NOTIFICATION_DATA was accepted, kicks are register writes: KVM may take none of them, not even those whose value is the
# queue's number. One that it took before the reset may still run.
if text=$("$bin/ringside" show "$out/recorded.vtrace" | awk '
	$1 != "blk0" { next }
	$2 == "write" { split($3, reg, "="); split($5, value, "="); v = value[2] }
	$2 == "write" && reg[2] == "0x024" { word = v }
	$2 == "write" && reg[2] == "0x020" && word == "0x1" { data = substr(v, length(v) - 1, 1) ~ /[4-7c-f]/ }
	$2 == "write" && reg[2] == "0x070" && v == "0x0" { data = 0 }
	data && $2 == "write" && reg[2] == "0x050" { kicks++; plain += v == "0x0" }
	data && $2 == "run" { taken++ }
	END { print kicks " kicks, " plain " of them of value 0, " taken + 0 " taken by KVM"; exit !(kicks > 100 && plain > 6 && taken < 4) }'); then
	pass notification-data-kicks
else
	fail notification-data-kicks "$text"
fi
exit $failures

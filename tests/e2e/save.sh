#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Whole machines, saved and restored: the tiny guest under load (tests/guest/save-run.sh), on /dev/kvm where there is one, else in the
# nested machine.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${RINGSIDE_BIN:-build/plain} out=build/tiny-save
prefix=save/
. tests/report.sh

mkdir -p build
exec 9>"build/tiny.lock"
flock 9 # another run in the same tree goes first
make -s -f tests/guest/rules.mk guest || { fail build "see the compiler's message above"; exit 1; }
status=0
tests/boot/machine.sh --need kvm --timeout 500 --out "$out" --prog "$bin/ringside-vmm" --file build/guest/tiny.elf \
	tests/guest/save-run.sh >"$out.log" 2>&1 || status=$?
grep '^machine:' "$out.log"
if [ -s "$out/results" ] && [ $status = 0 ]; then
	cat "$out/results"
	! grep -q '^FAIL ' "$out/results" || failures=1
else
	cat "$out/results" 2>/dev/null
	tail -n 20 "$out.log"
	fail machine "status $status"
fi
# Recorded from its start, a save in it; restored with requests in flight, and recorded from there.
for name in recorded restored-16 restored-24 restored-40; do
	if text=$("$bin/ringside" replay "$out/$name.vtrace" 2>&1) && grep -q 'bit-exact' <<<"$text"; then
		pass "replay-$name"
	else
		fail "replay-$name" "$text"
	fi
done
exit $failures

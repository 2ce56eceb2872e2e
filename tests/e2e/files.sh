#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Disks and traces as files: what is refused, in one line and with status 2; the locks; a trace that cannot go on. The machines run
# on /dev/kvm where there is one, else in the nested machine (tests/guest/run-files.sh); what they recorded is replayed here.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${RINGSIDE_BIN:-$PWD/build/plain} out=build/e2e-files
prefix=files-
. tests/report.sh

mkdir "$work/guests"
for test in poweroff spin; do
	gcc -DTEST_$test -c tests/guest/machine.S -o "$work/guest.o" &&
		ld -nostdlib -static -z noexecstack -T tests/guest/machine.ld "$work/guest.o" -o "$work/guests/$test" ||
		fail "build-$test" "see above"
done
make -s -f tests/guest/rules.mk guest || fail build-tiny "see above"
status=0
tests/boot/machine.sh --need kvm --out "$out" --prog "$bin/ringside-vmm" --file "$work/guests" --file build/guest/tiny.elf \
	--timeout 500 tests/guest/run-files.sh >"$work/how" 2>&1 || status=$?
grep '^machine:' "$work/how"
grep -E '^(PASS|FAIL) ' "$out.console"
if [ $status != 0 ] && ! grep -q '^FAIL' "$out.console"; then
	fail machine "status $status: $(tail -n 3 "$work/how")"
fi
[ $status = 0 ] || failures=1

# replay NAME WORDS
replay() {
	local text
	if text=$("$bin/ringside" replay "$out/$1.vtrace" 2>&1) && grep -q "$2" <<<"$text"; then
		pass "replay-$1"
	else
		fail "replay-$1" "$text"
	fi
}
replay running 'every output matched'
replay full 'every output matched'
exit $failures

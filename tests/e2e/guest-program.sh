#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kept programs on a real vCPU: each is run in the simulator and recorded, then by ringside-vmm --guest-program, which must find
# every output the same. Recordings that were changed by hand must differ, and files that are no use are refused.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${RINGSIDE_BIN:-build/plain} out=build/guest-program
prefix=guest-program-
. tests/report.sh
mkdir "$work/programs"

for f in corpus/{blk,rng,net,console,device,bugs}/*.txt; do
	type=${f#corpus/}
	type=${type%%/*}
	case $f in */boot-*[1-9].txt | */grown-*[1-79a-f].txt) continue ;; esac # of the many that were lifted and grown one in ten, one in eight
	"$bin/ringside" run --quiet --record "$work/programs/$type-$(basename "$f" .txt).vtrace" "$f" >"$work/log" 2>&1 ||
		fail "record-$f" "$(tail -n 2 "$work/log")"
done
n=$(find "$work/programs" -type f | wc -l)

# change NAME SED-SCRIPT: the recording of one plain program, with something in it another way
cat >"$work/plain.txt" <<'END'
blk0 post type=out sector=8 len=512
blk0 kick
blk0 post type=in sector=8 len=512
blk0 kick
blk0 reap
END
"$bin/ringside" run --quiet --record "$work/plain.vtrace" "$work/plain.txt" >/dev/null
"$bin/ringside" show "$work/plain.vtrace" >"$work/text"
change() {
	sed "$2" "$work/text" >"$work/changed"
	if cmp -s "$work/text" "$work/changed"; then fail "$1" "the edit changed nothing"; fi
	"$bin/ringside" assemble "$work/changed" -o "$work/programs/$1.vtrace" || fail "$1" "it does not assemble"
}
change bad-used 's/\(store for=used_entry .*data=........\)01/\102/'
change bad-status '/store for=status/s/data=00/data=01/'
change bad-read '/read reg=0x070/s/value=0xb/value=0x3/'
change bad-stored '/poke gpa=0x14000/s/data=01/data=00/' # the guest asks for a read, not a write
change bad-no-kick '0,/write reg=0x050/{/write reg=0x050/d}'
change bad-irq '0,/irq source/{/irq source/d}'
change bad-sector '/submit/s/sector=8/sector=9/'
change bad-state '/state hash/s/hash=0x[0-9a-f]*/hash=0x1/'
change refused-hash 's/payload=full/payload=hash/'
change refused-poke 's/poke gpa=0x14000/poke gpa=0xd0000050/'
change refused-memory 's/ram gpa=0x10000/ram gpa=0xd0000000/'
change refused-device 's/queues=256,256/queues=256,256,256,256,256/'
cp "$work/text" "$work/programs/refused-text.vtrace"
head -c 300 "$work/plain.vtrace" >"$work/programs/refused-cut.vtrace"
cp corpus/traces/debian-boot.vtrace "$work/programs/refused-boot.vtrace"
cp corpus/frozen/version-2.vtrace "$work/programs/refused-restored.vtrace"

status=0
tests/boot/machine.sh --need kvm --timeout 500 --out "$out" --prog "$bin/ringside-vmm" --file "$work/programs" \
	tests/guest/run-programs.sh $n >"$work/how" 2>&1 || status=$?
grep '^machine:' "$work/how"
grep -E '^(PASS|FAIL) ' "$out.console"
if [ $status != 0 ] && ! grep -q '^FAIL' "$out.console"; then fail machine "status $status: $(tail -n 3 "$work/how")"; fi
[ $status = 0 ] || failures=1
exit $failures

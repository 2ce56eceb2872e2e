#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The machine of ringside-vmm, without virtio: bad usage is told in one line with status 2 before anything starts, and tiny guests
# (tests/guest/machine.S) leave the machine in each way there is. Where there is no /dev/kvm they run in the nested machine.
set -u
cd "$(dirname "$0")/../.." || exit 1
vmm=$PWD/build/plain/ringside-vmm
prefix=machine-
. tests/report.sh

mkdir "$work/guests"
for test in poweroff reset bios fault ports initrd echo echoirq flood hang spin smpoff smpreset smpfault; do
	gcc -DTEST_$test -c tests/guest/machine.S -o "$work/guest.o" &&
		ld -nostdlib -static -z noexecstack -T tests/guest/machine.ld "$work/guest.o" -o "$work/guests/$test" ||
		fail "build-$test" "see above"
done
guest=$work/guests/poweroff

refused() { refused_by "$1" "$2" "$vmm" "${@:3}"; }
: >"$work/empty"
echo "no kernel at all" >"$work/text"
head -c 65536 /dev/zero >"$work/zeros"
head -c 100 "$guest" >"$work/cut"
truncate -s 300M "$work/large"
mkfifo "$work/pipe"
refused no-kernel '--kernel FILE is missing'
refused unknown-option '--frobnicate' --kernel "$guest" --frobnicate
refused kernel-missing 'none: No such file' --kernel "$work/none"
refused kernel-empty 'empty: the file is empty' --kernel "$work/empty"
refused kernel-directory 'a directory' --kernel "$work"
refused kernel-pipe 'no regular file' --kernel "$work/pipe"
refused kernel-text 'neither a bzImage nor an ELF' --kernel "$work/text"
refused kernel-zeros 'neither a bzImage nor an ELF' --kernel "$work/zeros"
refused kernel-truncated 'truncated' --kernel "$work/cut"
refused kernel-object 'PVH' --kernel "$vmm"
refused initrd-missing '--initrd .*No such file' --kernel "$guest" --initrd "$work/none"
refused initrd-empty '--initrd .*empty' --kernel "$guest" --initrd "$work/empty"
refused initrd-large '--initrd .*does not fit' --kernel "$guest" --initrd "$work/large"
refused memory-small '--memory: 1M is too small' --kernel "$guest" --memory 1M
refused memory-large '--memory: 2T is too large' --kernel "$guest" --memory 2T
refused cmdline-long 'command line has 3000 characters' --kernel "$guest" --cmdline "$(printf '%3000s' x)"
refused user-unknown '--user: there is no user "nobody-of-that-name"' --kernel "$guest" --user nobody-of-that-name
refused user-without-group 'write 12345678:GID' --kernel "$guest" --user 12345678
refused group-unknown 'there is no group' --kernel "$guest" --user 12345678:nobody-of-that-name
refused chroot-missing '--chroot .*none: No such file' --kernel "$guest" --chroot "$work/none"
refused chroot-no-folder 'is no folder' --kernel "$guest" --chroot "$work/text"
refused sandbox-other 'write on or off' --kernel "$guest" --sandbox strict

# Without a /dev/kvm, and with one that may not be opened (no capabilities, so that this holds for root too).
hidden='mount -t tmpfs dev /dev && if [ "$1" = kvm ]; then : >/dev/kvm; chmod 0 /dev/kvm; fi && shift &&
	exec setpriv --bounding-set=-all --inh-caps=-all "$@"'
unshare=(unshare -m)
[ "$(id -u)" = 0 ] || unshare=(unshare -rm)
if "${unshare[@]}" true 2>/dev/null; then
	refused_by kvm-missing 'cannot open /dev/kvm: No such file' "${unshare[@]}" sh -c "$hidden" sh none "$vmm" --kernel "$guest"
	refused_by kvm-forbidden 'no permission to open /dev/kvm' "${unshare[@]}" sh -c "$hidden" sh kvm "$vmm" --kernel "$guest"
else
	echo "SKIP machine-kvm-missing, machine-kvm-forbidden: unshare is not allowed here"
fi
if "$vmm" --help | grep -q 'Exit status' && "$vmm" --version | grep -q '^ringside-vmm [0-9]'; then pass help; else fail help "no text"; fi

status=0
tests/boot/machine.sh --need kvm --out build/e2e-machine --prog "$vmm" --file "$work/guests" --timeout 240 \
	tests/guest/run-machine.sh >"$work/how" 2>&1 || status=$?
cat "$work/how"
grep -E '^(PASS|FAIL) ' build/e2e-machine.console
if [ $status != 0 ] && ! grep -q '^FAIL' build/e2e-machine.console; then
	fail guests "status $status; see build/e2e-machine.console"
fi
[ $status = 0 ] || failures=1
exit $failures

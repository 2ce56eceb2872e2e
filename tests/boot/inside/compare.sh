# SPDX-License-Identifier: BSD-2-Clause
# Boots the same kernel, initramfs and disk five times in turn under ringside-vmm and under QEMU's microvm, in the same machine,
# and leaves one line `VMM measure value` for each measurement in $OUT/figures. The disk is a RAM disk: what is measured is
# the way through the devices. All times are this machine's, not the guest's.
. "$IN/lib.sh"
rounds=${1:-5}
disk=/dev/ram0
cmdline="$quiet ringside.mode=bench"
insmod /modules/*-brd.ko rd_nr=1 rd_size=65536 || exit 1

start_ringside() {
	exec ringside-vmm --kernel "$IN/vmlinuz" --initrd "$IN/guest.cpio" --memory 256M --cmdline "$cmdline" --disk $disk,packed=off # as in QEMU, where they are off by default
}
# QEMU at its quickest, as tried out: neither PIT nor PIC, but an RTC (6.1 waits ten seconds for one that is not there)
start_qemu() {
	exec qemu-system-x86_64 -L /usr/share/qemu -L /usr/share/seabios -accel kvm -cpu host -m 256M \
		-M microvm,acpi=on,pit=off,pic=off,rtc=on,isa-serial=on \
		-nodefaults -no-user-config -display none -monitor none -serial stdio -no-reboot \
		-kernel "$IN/vmlinuz" -initrd "$IN/guest.cpio" -append "$cmdline" \
		-drive file=$disk,format=raw,if=none,id=d,cache=none,aio=io_uring -device virtio-blk-device,drive=d
}

# hundredths of a second into $t, without starting a process
clock() { read -r t _ </proc/uptime; t=${t%.*}${t#*.}; }

# resident memory of PID in KiB, the guest's RAM (the 256 MiB mappings) left out
own_memory() {
	awk '/^[0-9a-f]+-[0-9a-f]+ /{ ram = 0 } /^Size:/{ ram = $2 >= 200000 } /^Rss:/ && !ram { sum += $2 } END { print sum }' "/proc/$1/smaps"
}

# measure VMM: one boot
measure() {
	local vmm=$1 began line name count rest pid run=$OUT/$1.console
	rm -f "$TMPDIR/console"
	mkfifo "$TMPDIR/console"
	clock
	began=$t
	"start_$vmm" </dev/null >"$TMPDIR/console" 2>&1 &
	pid=$!
	: >"$run"
	while read -r line; do
		clock
		line=${line%?}    # CR
		echo "$line" >>"$run"
		case $line in
		RINGSIDE-INIT*) echo "$vmm boot $((t - began))" >>"$OUT/figures" ;;
		BENCH-BEGIN*) began=$t ;;
		BENCH-END*)
			read -r _ name count rest <<-END
				$line
			END
			echo "$vmm $name $((count * 100 / (t - began)))" >>"$OUT/figures" ;;
		RINGSIDE-BENCH-DONE*) echo "$vmm memory $(own_memory $pid)" >>"$OUT/figures"; cp /proc/$pid/smaps "$OUT/$vmm.smaps" ;;
		RINGSIDE-FAIL*) echo "$line" ;;
		esac
	done <"$TMPDIR/console"
	wait $pid || echo "$vmm ended with $?"
}

i=0
while [ $i -lt "$rounds" ]; do
	i=$((i + 1))
	echo "round $i of $rounds"
	measure ringside
	measure qemu
done

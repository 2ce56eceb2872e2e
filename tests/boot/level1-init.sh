#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# Process 1 of level 1 in the nested machine: takes a tar of files from the first disk, runs /in/run.sh with $IN and $OUT set,
# and leaves a tar of $OUT (with the script's exit status in `status`) on the second disk.
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp /in /out
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
exec </dev/null >/dev/console 2>&1
stop() { sync; poweroff -f; sleep 60; }
for m in /modules/*.ko; do
	case $m in
	*brd.ko) ;;            # on demand: it takes a size
	*) insmod "$m" || echo "level 1: cannot load $m" ;;
	esac
done
[ -e /dev/kvm ] || { echo "level 1: no /dev/kvm"; dmesg | tail -n 20; stop; }
hold || echo "level 1: no machine that stays (hold.c)"
mount -t tmpfs -o size=85% tmpfs /tmp
mount -t tmpfs -o size=85% tmpfs /out
tar xf /dev/vda -C / || { echo "level 1: cannot unpack the files given"; stop; }
export IN=/in OUT=/out TMPDIR=/tmp PATH=/in/bin:/bin:/usr/sbin:/usr/bin HOME=/tmp
cd /out || stop
echo "RINGSIDE-LEVEL1 up after $(cut -d ' ' -f 1 /proc/uptime) s"
sh /in/run.sh
echo $? >/out/status
tar cf /dev/vdb -C /out . || echo "level 1: cannot store the results"
stop

#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# Process 1 of the stock guest. What to do stands on the kernel command line:
#   ringside.mode=check   everything below, one line `RINGSIDE-OK name` each (default)
#   ringside.mode=write   fsynced writes without end, for the SIGKILL test
#   ringside.mode=bench   4 KiB direct reads and writes
#   ringside.mode=net     the network, and ringside.mode=netbench: guest-net.sh
#   ringside.mode=console a shell on hvc0: guest-console.sh
#   ringside.mode=save    a load that is saved and restored: guest-save.sh
#   ringside.end=reboot   ends with a reboot, not a power-off
#   ringside.vda=BYTES ringside.vdb=BYTES   expected sizes      ringside.sha=HEX   SHA-256 of all of vda
#   ringside.rings=packed|split   which rings every device must use
#   ringside.cpus=N       processors that must be online, and queues that each disk must have
#   ringside.tag=TEXT     what the written pattern says         ringside.at=BLOCK  where, in blocks of 4 KiB
/bin/busybox --install -s /bin
export PATH=/bin:/usr/sbin:/usr/bin
mkdir -p /proc /sys /dev /tmp /mnt
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
exec </dev/console >/dev/console 2>&1
echo "RINGSIDE-INIT $(uname -r)"

mode=check tag=none at=0 vda=0 vdb=0 sha= end=poweroff rings= cpus=1
for word in $(cat /proc/cmdline); do
	case $word in
	ringside.mode=*) mode=${word#*=} ;;
	ringside.vda=*) vda=${word#*=} ;;
	ringside.vdb=*) vdb=${word#*=} ;;
	ringside.sha=*) sha=${word#*=} ;;
	ringside.tag=*) tag=${word#*=} ;;
	ringside.at=*) at=${word#*=} ;;
	ringside.rings=*) rings=${word#*=} ;;
	ringside.cpus=*) cpus=${word#*=} ;;
	ringside.end=*) end=${word#*=} ;;
	esac
done

off() { sync; "$1" -f; sleep 60; }
fail() { echo "RINGSIDE-FAIL $name: $*"; dmesg | tail -n 15; off poweroff; }
ok() { echo "RINGSIDE-OK $name"; }
run() { "$@" >/tmp/log 2>&1 || fail "$*: $(tail -n 1 /tmp/log)"; }
sum() { sha256sum "$1" | cut -d ' ' -f 1; }
present() { n=0; while [ ! -e "$1" ]; do n=$((n + 1)); [ $n -lt 100 ] || fail "no $1 after 5 s"; usleep 50000; done; }

name=modules
for m in /modules/*.ko; do
	case $mode:$m in
	net*:* | save:*) run insmod "$m" ;;
	*failover.ko | *virtio_net.ko) ;;
	*) run insmod "$m" ;;
	esac
done
ok
case $mode in net*) . /net.sh ;; esac
[ "$mode" != console ] || . /console.sh
present /dev/vda
dmesg | grep 'virtio_blk.*logical blocks'

# fills /tmp/block with 4 KiB of the line given
block() { yes "$1" | head -c 4096 >/tmp/block; }

[ "$mode" != save ] || . /save.sh
if [ "$mode" = write ]; then
	name=write i=0
	while :; do
		i=$((i + 1))
		block "$tag $i"
		dd if=/tmp/block of=/dev/vda bs=4096 seek=$i conv=notrunc,fsync 2>/tmp/log || fail "write $i: $(cat /tmp/log)"
		echo "RINGSIDE-SYNCED $i"
	done
fi
if [ "$mode" = bench ]; then
	name=bench
	bench /dev/vda 2>&1 || fail "status $?"
	echo RINGSIDE-BENCH-DONE
	sleep 2
	off poweroff
fi

# what was agreed on, a digit for each feature bit: 34 is RING_PACKED
name=rings n=0
for f in /sys/bus/virtio/devices/*/features; do
	case $(cut -c 35 "$f") in
	1) [ "$rings" = packed ] || fail "$f: packed, expected ${rings:-nothing}" ;;
	0) [ "$rings" = split ] || fail "$f: split, expected ${rings:-nothing}" ;;
	*) fail "$f: $(cat "$f")" ;;
	esac
	n=$((n + 1))
done
[ $n = 4 ] || fail "$n devices, expected 4"
ok

name=cpus
[ "$(nproc)" = "$cpus" ] || fail "$(nproc) processors are online, expected $cpus: $(cat /sys/devices/system/cpu/online)"
for f in /sys/block/vd?/mq; do
	n=$(ls "$f" | wc -l)
	[ "$n" = "$cpus" ] || fail "$f: $n queues, expected $cpus"
done
ok

name=sizes
present /dev/vdb
present /dev/vdc
[ "$(blockdev --getsize64 /dev/vda)" = "$vda" ] || fail "vda has $(blockdev --getsize64 /dev/vda) bytes, expected $vda"
[ "$(blockdev --getsize64 /dev/vdb)" = "$vdb" ] || fail "vdb has $(blockdev --getsize64 /dev/vdb) bytes, expected $vdb"
ok

name=read
dd if=/dev/vda of=/tmp/disk bs=65536 iflag=direct 2>/tmp/log || fail "$(cat /tmp/log)"
[ "$(sum /tmp/disk)" = "$sha" ] || fail "SHA-256 is $(sum /tmp/disk), expected $sha"
rm /tmp/disk
ok

name=read-buffered
[ "$(sum /dev/vda)" = "$sha" ] || fail "SHA-256 through the page cache differs"
ok

name=write
yes "$tag" | head -c 262144 >/tmp/pattern
run dd if=/tmp/pattern of=/dev/vda bs=4096 seek="$at" oflag=direct conv=notrunc,fsync
run dd if=/dev/vda of=/tmp/back bs=4096 skip="$at" count=64 iflag=direct
run cmp /tmp/pattern /tmp/back
ok

name=write-through
wc=/sys/block/vda/cache_type
grep -q 'write back' $wc || fail "cache_type is $(cat $wc)"
echo 'write through' >$wc
grep -q 'write through' $wc || fail "cache_type stays $(cat $wc)"
run dd if=/tmp/pattern of=/dev/vda bs=4096 seek=$((at + 64)) oflag=direct conv=notrunc,fsync
echo 'write back' >$wc
grep -q 'write back' $wc || fail "cache_type stays $(cat $wc)"
ok

name=read-only
[ "$(cat /sys/block/vdc/ro)" = 1 ] || fail "vdc is not read-only"
dd if=/tmp/pattern of=/dev/vdc bs=512 count=1 oflag=direct conv=notrunc 2>/dev/null && fail "a write to vdc succeeded"
run dd if=/dev/vdc of=/dev/null bs=512 iflag=direct
ok

name=serial
run cat /sys/block/vda/serial
ok

name=ext4
run /usr/sbin/mke2fs -q -F -t ext4 /dev/vdb
run mount -t ext4 -o discard /dev/vdb /mnt
i=0
while [ $i -lt 8 ]; do cat /tmp/pattern; i=$((i + 1)); done >/mnt/file
cp /bin/busybox /mnt/program
sync
first=$(sum /mnt/file)
run umount /mnt
run mount -t ext4 -o discard /dev/vdb /mnt
echo 3 >/proc/sys/vm/drop_caches
[ "$(sum /mnt/file)" = "$first" ] || fail "the file read back differs"
run cmp /bin/busybox /mnt/program
rm /mnt/program
run fstrim /mnt
run umount /mnt
ok

name=discard
cat /tmp/pattern /tmp/pattern /tmp/pattern /tmp/pattern >/tmp/four
run dd if=/tmp/four of=/dev/vda bs=4096 seek=$((at + 128)) oflag=direct conv=notrunc,fsync
run /usr/sbin/blkdiscard -o $(((at + 128) * 4096)) -l 524288 /dev/vda
run /usr/sbin/blkdiscard -z -o $(((at + 256) * 4096)) -l 524288 /dev/vda
dd if=/dev/vda of=/tmp/back bs=4096 skip=$((at + 128)) count=256 iflag=direct 2>/tmp/log || fail "$(cat /tmp/log)"
# only zeroed blocks must read as zeros; a discard may leave anything, yet ours punches a hole in the image
[ "$(tr -d '\0' </tmp/back | wc -c)" = 0 ] || fail "discarded and zeroed blocks do not read as zeros"
ok

name=hwrng
grep -q virtio /sys/class/misc/hw_random/rng_current || fail "the source is $(cat /sys/class/misc/hw_random/rng_current)"
run dd if=/dev/hwrng of=/tmp/random bs=64 count=1 iflag=fullblock
[ "$(stat -c %s /tmp/random)" = 64 ] || fail "got $(stat -c %s /tmp/random) bytes of 64"
[ "$(tr -d '\0' </tmp/random | wc -c)" -gt 32 ] || fail "more than half of the bytes are zero"
run dd if=/dev/hwrng of=/tmp/again bs=64 count=1 iflag=fullblock
cmp -s /tmp/random /tmp/again && fail "twice the same 64 bytes"
ok

echo RINGSIDE-BOOT-OK
off "$end"

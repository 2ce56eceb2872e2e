# SPDX-License-Identifier: BSD-2-Clause
# ringside.mode=save: a load that may be saved, killed and restored at any moment; read by guest-init.sh. Writes blocks one after the
# other with an fsync each, and larger ones all the time; at the end everything must be on the disk, and every device work as before.
#   ringside.blocks=N     how many
blocks=40
for word in $(cat /proc/cmdline); do
	case $word in ringside.blocks=*) blocks=${word#*=} ;; esac
done
name=load
present /dev/vda
present /dev/hvc0
present /sys/class/net/eth0
run ifconfig lo 127.0.0.1 up
run ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
yes "$tag" | head -c 1048576 >/tmp/pattern

# at 4 MiB, several requests in flight
(
	while [ ! -e /tmp/enough ]; do
		dd if=/tmp/pattern of=/dev/vda bs=1048576 seek=4 oflag=direct conv=notrunc 2>/tmp/log2 || echo "RINGSIDE-FAIL load: $(cat /tmp/log2)"
	done
) &
i=0
while [ $i -lt "$blocks" ]; do
	i=$((i + 1))
	block "$tag $i"
	run dd if=/tmp/block of=/dev/vda bs=4096 seek=$i conv=notrunc,fsync
	cat /tmp/block >>/tmp/want
	echo "RINGSIDE-SYNCED $i"
done
touch /tmp/enough
wait
ok

name=blocks
echo 3 >/proc/sys/vm/drop_caches
run dd if=/dev/vda of=/tmp/back bs=4096 skip=1 count="$blocks" iflag=direct
run cmp /tmp/want /tmp/back
run dd if=/dev/vda of=/tmp/back bs=1048576 skip=4 count=1 iflag=direct
run cmp /tmp/pattern /tmp/back
ok

name=http
run wget -q -O /tmp/file http://10.0.2.2:8080/file
[ "$(cat /tmp/file)" = "$tag" ] || fail "got $(cat /tmp/file)"
ok
name=hwrng
run dd if=/dev/hwrng of=/tmp/random bs=64 count=1 iflag=fullblock
ok
echo "the guest of $tag was here" >/dev/hvc0
echo RINGSIDE-BOOT-OK
off "$end"

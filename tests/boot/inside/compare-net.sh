# SPDX-License-Identifier: BSD-2-Clause
# TCP through a tap, both ways, under ringside-vmm and under QEMU's microvm in turn, in the same machine; one line `VMM measure KiB/s` for
# each measurement in $OUT/figures. The other end of the tap is in this machine; times are by its clock.
if [ -z "${RINGSIDE_NAMESPACE:-}" ]; then
	as=-n
	[ "$(id -u)" = 0 ] || as=-Urn
	export RINGSIDE_NAMESPACE=1
	exec unshare $as sh "$IN/script.sh" "$@"
fi
. "$IN/lib.sh"
rounds=${1:-5}
cmdline="$quiet ringside.mode=netbench"
wire tap tap0 || exit 1
ifconfig tap0 10.9.0.1 netmask 255.255.255.0 up

start_ringside() {
	exec ringside-vmm --kernel "$IN/vmlinuz" --initrd "$IN/guest.cpio" --memory 256M --cmdline "$cmdline" --net tap:tap0,packed=off
}
start_qemu() {
	exec qemu-system-x86_64 -L /usr/share/qemu -L /usr/share/seabios -accel kvm -cpu host -m 256M \
		-M microvm,acpi=on,pit=off,pic=off,rtc=on,isa-serial=on \
		-nodefaults -no-user-config -display none -monitor none -serial stdio -no-reboot \
		-kernel "$IN/vmlinuz" -initrd "$IN/guest.cpio" -append "$cmdline" \
		-netdev tap,id=n,ifname=tap0,script=no,downscript=no,vhost=off -device virtio-net-device,netdev=n
}

# measure VMM: one boot
measure() {
	wire serve 5000 2 >"$TMPDIR/served" 2>&1 &
	served=$!
	("start_$1") </dev/null >"$OUT/$1.console" 2>&1 || echo "$1 ended with $?"
	kill $served 2>/dev/null
	wait $served 2>/dev/null
	# what this side received the guest has sent
	while read -r _ how bytes _ ms _; do
		case $how in
		received) echo "$1 to-host $((bytes / 1024 * 1000 / ms))" ;;
		sent) echo "$1 to-guest $((bytes / 1024 * 1000 / ms))" ;;
		esac
	done <"$TMPDIR/served" >>"$OUT/figures"
	tail -n 2 "$OUT/figures"
}

i=0
while [ $i -lt "$rounds" ]; do
	i=$((i + 1))
	echo "round $i of $rounds"
	measure ringside
	measure qemu
done

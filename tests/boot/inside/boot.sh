# SPDX-License-Identifier: BSD-2-Clause
# Boots the stock guest twice and looks at what it left: a recorded boot of the bzImage, with two vCPUs and packed rings, that
# powers off; and an unrecorded one (zero-copy I/O, another path through the devices) of the ELF vmlinux by PVH, with one vCPU and
# split rings, that reboots.
. "$IN/lib.sh"

tag=$(head -c 8 /dev/urandom | od -An -t x1 | tr -d ' \n')
at=1024                             # the pattern lies at 4 MiB
disk_a=$TMPDIR/a.img disk_b=$TMPDIR/b.img disk_c=$TMPDIR/c.img

# what the guest wrote, and that nothing else changed: a second image is brought to the state expected
expect_disk() {
	cp "$TMPDIR/a.orig" "$TMPDIR/a.want"
	yes "$tag" | head -c 262144 >"$TMPDIR/pattern"
	for block in $at $((at + 64)); do
		dd if="$TMPDIR/pattern" of="$TMPDIR/a.want" bs=4096 seek="$block" conv=notrunc 2>/dev/null
	done
	for block in $((at + 128)) $((at + 256)); do
		dd if=/dev/zero of="$TMPDIR/a.want" bs=4096 seek="$block" count=128 conv=notrunc 2>/dev/null
	done
	cmp "$TMPDIR/a.want" "$disk_a" 2>&1
}

# check NAME: judges one boot that has ended
check() {
	local n difference
	if [ "$vmm_status" = 0 ]; then pass "$1-exit-status"; else fail "$1-exit-status" "ringside-vmm ended with $vmm_status"; fi
	for n in modules rings cpus sizes read read-buffered write write-through read-only serial ext4 discard hwrng; do
		if grep -q "^RINGSIDE-OK $n\$" "$OUT/$1.console"; then
			pass "$1-guest-$n"
		else
			fail "$1-guest-$n" "$(grep "RINGSIDE-FAIL $n:" "$OUT/$1.console" || echo 'the guest did not get there')"
		fi
	done
	if grep -q '^RINGSIDE-BOOT-OK' "$OUT/$1.console"; then pass "$1-to-the-end"; else fail "$1-to-the-end" "no RINGSIDE-BOOT-OK"; fi
	if difference=$(expect_disk); then pass "$1-pattern-in-image"; else fail "$1-pattern-in-image" "$difference"; fi
	if cmp -s "$disk_c" "$TMPDIR/c.orig"; then pass "$1-read-only-image"; else fail "$1-read-only-image" "the read-only image changed"; fi
	if e2fsck -fn "$disk_b" >"$OUT/$1.fsck" 2>&1; then pass "$1-ext4-image"; else fail "$1-ext4-image" "$(tail -n 1 "$OUT/$1.fsck")"; fi
}

# boot NAME CPUS RINGS CMDLINE [option]...: packed rings are what is offered unless told otherwise
boot() {
	local name=$1 cpus=$2 rings=$3 cmdline=$4 off=
	shift 4
	[ "$rings" = packed ] || off=packed=off
	cp "$TMPDIR/a.orig" "$disk_a"
	cp "$TMPDIR/c.orig" "$disk_c"
	rm -f "$disk_b"
	truncate -s 64M "$disk_b"
	vmm "$name.console" "ringside.tag=$tag ringside.at=$at ringside.vda=$(size "$disk_a") ringside.vdb=$(size "$disk_b") \
ringside.sha=$(sum "$disk_a") ringside.rings=$rings ringside.cpus=$cpus $cmdline" --cpus "$cpus" --disk "$disk_a${off:+,$off}" \
		--disk "$disk_b${off:+,$off}" --disk "$disk_c,ro${off:+,$off}" "--rng${off:+=$off}" "$@"
	check "$name"
}

head -c 8388608 /dev/urandom >"$TMPDIR/a.orig"
head -c 1049088 /dev/urandom >"$TMPDIR/c.orig"   # 1 MiB and one sector
export RINGSIDE_NO_URING=0 # io_uring although the images lie in memory; the second boot goes without, as is the rule there
boot bzimage 2 packed ringside.end=poweroff --record "$OUT/boot.vtrace"
unset RINGSIDE_NO_URING
[ "${1:-}" != once ] || exit 0
KERNEL=$IN/vmlinux
boot pvh 1 split ringside.end=reboot

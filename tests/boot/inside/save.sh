# SPDX-License-Identifier: BSD-2-Clause
# One stock guest in three machines, each of them recorded: saved in the midst of its write load, and killed; restored, saved once more
# and stopped; restored, and on to the end. All of its checksums must hold. In a network namespace made here.
if [ -z "${RINGSIDE_NAMESPACE:-}" ]; then
	as=-n
	[ "$(id -u)" = 0 ] || as=-Urn
	export RINGSIDE_NAMESPACE=1
	exec unshare $as sh "$IN/script.sh" "$@"
fi
. "$IN/lib.sh"
ifconfig lo 127.0.0.1 up || { fail save "no network namespace to be had"; exit 1; }
tag=$(head -c 8 /dev/urandom | od -An -t x1 | tr -d ' \n')
blocks=40 disk=$TMPDIR/save.img snap=$TMPDIR/snap
mkdir -p "$TMPDIR/www"
echo "$tag" >"$TMPDIR/www/file"
busybox httpd -p 127.0.0.1:8080 -h "$TMPDIR/www"
export RINGSIDE_NO_URING=0 # io_uring although the image lies in memory: requests are in flight then

# machine NAME option...: in the background
machine() {
	name=$1
	shift
	ringside-vmm --disk "$disk" --net user --rng --console "hvc:$TMPDIR/hvc" "$@" </dev/null >"$OUT/$name.console" 2>"$OUT/$name.said" &
	pid=$!
}
# await FILE TEXT: until it is there; false after a minute, or when the machine has ended without
await() {
	local ticks=0
	until grep -q "$2" "$OUT/$name.$1"; do
		ticks=$((ticks + 1))
		if [ $ticks -gt 600 ] || ! kill -0 $pid 2>/dev/null; then
			kill -9 $pid 2>/dev/null
			grep -q "$2" "$OUT/$name.$1" && return
			fail "$name" "\"$2\" did not come: $(cat "$OUT/$name.said")"
			return 1
		fi
		sleep 0.1
	done
}
# ends STATUS
ends() {
	local status=0
	wait $pid || status=$?
	[ $status = "$1" ] || { fail "$name" "it ended with status $status: $(cat "$OUT/$name.said")"; return 1; }
}

legs() {
	truncate -s 16M "$disk"
	machine save-killed --kernel "$IN/vmlinuz" --initrd "$IN/guest.cpio" --memory 128M --cpus 2 --save-on "SIGUSR1=$snap" \
		--record "$OUT/save.vtrace" --cmdline "$quiet ringside.mode=save ringside.tag=$tag ringside.blocks=$blocks"
	await console 'RINGSIDE-SYNCED 8' || return
	kill -USR1 $pid
	await said 'saved to .*the machine goes on' || return
	await console 'RINGSIDE-SYNCED 12' || return # what it writes after the save, it will write once more
	kill -9 $pid
	ends 137 || return
	pass save-killed

	machine save-stopped --restore "$snap" --record "$OUT/save-stopped.vtrace" --save-on "SIGUSR1=$snap,stop"
	await console 'RINGSIDE-SYNCED 20' || return
	kill -USR1 $pid
	await said 'saved to .*the machine ends' || return
	ends 0 || return
	pass save-stopped
	echo "$(cat "$OUT/save-stopped.said")"

	machine save-restored --restore "$snap" --record "$OUT/save-restored.vtrace"
	await console 'reboot: Power down\|RINGSIDE-FAIL' || return
	ends 0 || return
	pass save-restored
}
legs
for n in load blocks http hwrng; do
	if grep -q "^RINGSIDE-OK $n" "$OUT/save-restored.console"; then
		pass "save-restored-guest-$n"
	else
		fail "save-restored-guest-$n" "$(grep RINGSIDE-FAIL "$OUT"/save-*.console || echo 'the guest did not get there')"
	fi
done
if grep -q "the guest of $tag was here" "$TMPDIR/hvc"; then pass save-restored-hvc; else fail save-restored-hvc "$(cat "$TMPDIR/hvc")"; fi

i=1 bad=
while [ $i -le $blocks ]; do
	yes "$tag $i" | head -c 4096 >"$TMPDIR/want"
	dd if="$disk" bs=4096 skip=$i count=1 2>/dev/null | cmp -s - "$TMPDIR/want" || bad="$bad $i"
	i=$((i + 1))
done
if [ -z "$bad" ]; then pass save-restored-image; else fail save-restored-image "of $blocks blocks these are not in the image:$bad"; fi
# 128 MiB of memory, much of it never used: what is zero is left out
if [ "$(size "$snap")" -lt 67108864 ]; then pass save-holes; else fail save-holes "the file has $(size "$snap") bytes"; fi

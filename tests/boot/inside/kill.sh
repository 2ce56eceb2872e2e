# SPDX-License-Identifier: BSD-2-Clause
# Kills ringside-vmm with SIGKILL while its guest writes block after block with an fsync each. Whatever the guest was told to be
# down must be in the image. Twice: recording, and not (another path through the devices).
. "$IN/lib.sh"
disk=$TMPDIR/kill.img

# kill_at NAME COUNT [option]...: kills once the guest has said that COUNT blocks are synced
kill_at() {
	local name=$1 count=$2 console=$OUT/$1.console pid ticks=0 last i bad=
	shift 2
	rm -f "$disk"
	truncate -s 16M "$disk"
	ringside-vmm --kernel "$IN/vmlinuz" --initrd "$IN/guest.cpio" --memory 256M --cmdline "$quiet ringside.mode=write ringside.tag=$name" \
		--disk "$disk" "$@" </dev/null >"$console" 2>&1 &
	pid=$!
	until grep -q "^RINGSIDE-SYNCED $count" "$console"; do
		ticks=$((ticks + 1))
		if [ $ticks -gt 600 ] || ! kill -0 $pid 2>/dev/null; then
			kill -9 $pid 2>/dev/null
			fail "$name" "the guest did not get to block $count"
			return
		fi
		sleep 0.2
	done
	kill -9 $pid
	wait $pid
	if [ $? = 137 ]; then pass "$name-was-running"; else fail "$name-was-running" "it had ended by itself"; fi
	last=$(tr -d '\r' <"$console" | sed -n 's/^RINGSIDE-SYNCED \([0-9]*\)$/\1/p' | tail -n 1)
	i=1
	while [ $i -le "$last" ]; do
		yes "$name $i" | head -c 4096 >"$TMPDIR/want"
		dd if="$disk" bs=4096 skip=$i count=1 2>/dev/null | cmp -s - "$TMPDIR/want" || bad="$bad $i"
		i=$((i + 1))
	done
	if [ -z "$bad" ]; then pass "$name-synced-blocks"; else fail "$name-synced-blocks" "of $last synced blocks these are not in the image:$bad"; fi
	echo "$last blocks were synced when $name was killed"
}

kill_at kill-recording 20 --record "$OUT/kill.vtrace"
kill_at kill-plain 45

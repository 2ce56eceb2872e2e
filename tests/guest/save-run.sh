# SPDX-License-Identifier: BSD-2-Clause
# Saves and restores the tiny guest, with a load of its own under way (tests/guest/tiny_work.c), on /dev/kvm, on this machine or in a
# nested one (tests/boot/machine.sh): $IN holds what is needed, $OUT gets results and consoles. busybox sh will do.
disk=$TMPDIR/work.img snap=$TMPDIR/snap
pass() { echo "PASS save/$1" | tee -a "$OUT/results"; }
fail() { echo "FAIL save/$1: $2" | tee -a "$OUT/results"; }
# An image in memory would be answered at once, and nothing ever be in flight.
RINGSIDE_NO_URING=0
export RINGSIDE_NO_URING

# vmm NAME [option]...: the machine, in the background
vmm() {
	name=$1 console=$OUT/$1.console
	shift
	: >"$console"
	ringside-vmm --disk "$disk" --rng "$@" </dev/null >"$console" 2>&1 &
	pid=$!
}
boot() { # NAME ROUNDS [option]...
	local name=$1 rounds=$2
	shift 2
	rm -f "$disk"
	truncate -s 4M "$disk"
	vmm "$name" --kernel "$IN/tiny.elf" --memory 64M --cmdline "work=$rounds" "$@"
}
restore() { # NAME [option]...
	local name=$1
	shift
	vmm "$name" --restore "$snap" "$@"
}

# attend PATTERN [TIMES]: waits until so many lines of the console match; false when the machine ended before, or after a minute
attend() {
	local ticks=0
	until [ "$(grep -c "$1" "$console")" -ge "${2:-1}" ]; do
		case $(cat /proc/$pid/stat 2>/dev/null) in '' | *') Z '*) [ "$(grep -c "$1" "$console")" -ge "${2:-1}" ]; return ;; esac
		ticks=$((ticks + 1))
		[ $ticks -lt 1200 ] || return 1
		sleep 0.05
	done
}
last() { tail -n 1 "$console"; }

# ends STATUS: so it ended
ends() {
	local status=0
	wait $pid || status=$?
	[ $status = "$1" ] || { fail "$name" "status $status, not $1: $(last)"; return 1; }
}
worked() { # NAME: the load came to its end, with everything as it should be, here or after it was restored
	if ends 0 && grep -q '^ok work$' "$console"; then pass "$1"; else fail "$1" "$(last)"; fi
}

# -- stop and go on: the load is moved from one machine to the next, again and again
boot legs 400 --cpus 2 --save-on "SIGUSR1=$snap,stop"
for leg in 1 2 3 4 5; do
	attend '^round' 2 && kill -USR1 $pid && ends 0 && grep -q "saved to .*the machine ends" "$console" || { fail "leg-$leg" "$(last)"; break; }
	pass "leg-$leg"
	restore "legs-$leg" --save-on "SIGUSR1=$snap,stop"
done
worked legs-end

# -- in the midst of a write load, killed, restored: what was in flight is done once more. What was written after the save is written
# again, with the same bytes: no sector is written twice in so many rounds.
for round in 16 24 40; do
	boot "killed-$round" 400 --save-on "SIGUSR1=$snap"
	rm -f "$snap"
	attend "^round $round\$" && kill -USR1 $pid
	attend 'saved to' && kill -9 $pid
	wait $pid
	[ $? = 137 ] || fail "killed-$round" "it had ended by itself: $(last)"
	cp "$snap" "$snap.kept"
	cp "$disk" "$disk.kept"
	restore "killed-$round-restored" --record "$OUT/restored-$round.vtrace" --record-payload full
	worked "killed-$round-restored"
done

# -- it goes on after a save, and after several
boot on 400 --save-on "SIGUSR1=$snap"
for n in 1 2 3; do
	attend '^round' "$n" && kill -USR1 $pid && attend 'the machine goes on' "$n"
done
worked goes-on
if [ ! -e "$snap.saving" ] && [ "$(stat -c %a "$snap")" = 600 ]; then pass goes-on-file; else fail goes-on-file "$(ls -l "$TMPDIR")"; fi

# -- a full disk leaves the old file as it was, and the machine goes on
mkdir -p "$TMPDIR/small"
if mount -t tmpfs -o size=16k none "$TMPDIR/small" 2>/dev/null; then
	echo old >"$TMPDIR/small/snap"
	boot full 400 --save-on "SIGUSR1=$TMPDIR/small/snap"
	attend '^round 8$' && kill -USR1 $pid
	if attend 'not saved, and goes on: .*No space left' && [ "$(cat "$TMPDIR/small/snap")" = old ] && [ ! -e "$TMPDIR/small/snap.saving" ]; then
		pass full-disk
	else
		fail full-disk "$(last)"
	fi
	worked full-disk-goes-on
	umount "$TMPDIR/small"
else
	echo "SKIP save/full-disk, save/full-disk-goes-on: no small file system can be mounted here" | tee -a "$OUT/results"
fi

# -- nobody asked for it
boot unasked 400
attend '^round 8$' && kill -USR1 $pid
if attend 'SIGUSR1 saves the machine where --save-on'; then pass unasked; else fail unasked "$(last)"; fi
worked unasked-goes-on

# -- while it is recorded: the trace is as without
boot recorded 300 --save-on "SIGUSR1=$snap" --record "$OUT/recorded.vtrace" --record-payload full
attend '^round 16$' && kill -USR1 $pid
worked recorded
if grep -q 'saved to' "$console"; then pass recorded-saved; else fail recorded-saved "$(last)"; fi

# -- what is refused: one line, status 2, and the disk is not touched
snap=$snap.kept
cp "$disk.kept" "$disk"
refused() { # NAME PATTERN option...
	local name=$1 pattern=$2 status=0
	shift 2
	ringside-vmm "$@" </dev/null >"$OUT/refused" 2>&1 || status=$?
	if [ $status = 2 ] && [ "$(wc -l <"$OUT/refused")" = 1 ] && grep -q "$pattern" "$OUT/refused" && cmp -s "$disk" "$disk.kept"; then
		pass "refused-$name"
	else
		fail "refused-$name" "status $status: $(head -n 2 "$OUT/refused")"
	fi
}
refused memory 'has 64M of memory, and --memory says 128M' --restore "$snap" --memory 128M --disk "$disk" --rng
refused cpus 'has 1 vCPUs, and --cpus says 2' --restore "$snap" --cpus 2 --disk "$disk" --rng
refused fewer 'has more devices than the 1 of the options' --restore "$snap" --disk "$disk"
truncate -s 4M "$TMPDIR/other.img"
refused other 'device 1 of the machine is rng, and the options say disk other.img' --restore "$snap" --disk "$disk" --disk "$TMPDIR/other.img"
boot alone 400 --save-on "SIGUSR1=$TMPDIR/alone,stop" --console "hvc:$TMPDIR/hvc"
attend '^round 8$' && kill -USR1 $pid && ends 0 || fail alone "$(last)"
cp "$disk.kept" "$disk"
refused console 'has more devices than the 2 of the options' --restore "$TMPDIR/alone" --disk "$disk" --rng
refused more 'has 2 devices, and the options name 3' --restore "$snap" --disk "$disk" --rng --console "hvc:$TMPDIR/hvc"
refused order 'device 0 of the machine is disk work.img' --restore "$snap" --rng
refused features 'other features' --restore "$snap" --disk "$disk,in_order=on" --rng
refused read-only 'had 8192 sectors when it was saved, and has 8192 sectors, read-only now' --restore "$snap" --disk "$disk,ro" --rng
truncate -s 2M "$disk" && cp "$disk" "$disk.short"
mv "$disk.kept" "$disk.whole" && cp "$disk.short" "$disk.kept"
refused size 'had 8192 sectors when it was saved, and has 4096 sectors now' --restore "$snap" --disk "$disk" --rng
mv "$disk.whole" "$disk.kept" && cp "$disk.kept" "$disk"
refused missing 'No such file' --restore "$TMPDIR/nothing" --disk "$disk" --rng
refused kernel 'no machine that was saved' --restore "$IN/tiny.elf" --disk "$disk" --rng
refused recording 'is in use: a disk, another recording, or what is restored' --restore "$snap" --disk "$disk" --rng --record "$snap"
refused folder 'No such file' --restore "$snap" --disk "$disk" --rng --save-on "SIGUSR1=$TMPDIR/nothing/snap"

# damaged: one bit somewhere, or cut off
len=$(stat -c %s "$snap")
damage() { # NAME PLACE
	cp "$snap" "$TMPDIR/bad"
	printf '\252' | dd of="$TMPDIR/bad" bs=1 seek="$2" conv=notrunc 2>/dev/null
	cmp -s "$snap" "$TMPDIR/bad" && printf '\125' | dd of="$TMPDIR/bad" bs=1 seek="$2" conv=notrunc 2>/dev/null
	refused "damaged-$1" 'is damaged' --restore "$TMPDIR/bad" --disk "$disk" --rng
}
damage begin 40
damage middle $((len / 2))
damage end $((len - 5))
head -c $((len - 32)) "$snap" >"$TMPDIR/bad"
refused cut-off 'its end is missing' --restore "$TMPDIR/bad" --disk "$disk" --rng
restore whole-still
worked whole-still

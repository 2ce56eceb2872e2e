# SPDX-License-Identifier: BSD-2-Clause
# Runs the tiny guest on /dev/kvm, on this machine or in a nested one (tests/boot/machine.sh): $IN holds what is needed, $OUT gets
# results (a PASS or FAIL line each), consoles and traces. busybox sh will do.
sectors=16384 ro_sectors=129 grown=18432
disk=$TMPDIR/tiny.img ro=$TMPDIR/ro.img
pass() { echo "PASS tiny/$1" | tee -a "$OUT/results"; }
fail() { echo "FAIL tiny/$1: $2" | tee -a "$OUT/results"; }

read_only_image() { yes 'read-only disk.' | head -c $((ro_sectors * 512)); }

# start NAME WORDS [option]...: boots it with fresh disks, in the background; WORDS: more for its command line
start() {
	name=$1 console=$OUT/$1.console words=$2
	shift 2
	rm -f "$disk" "$ro"
	truncate -s $((sectors * 512)) "$disk"
	read_only_image >"$ro"
	: >"$console"
	ringside-vmm --kernel "$IN/tiny.elf" --memory 64M --disk "$disk" --disk "$ro,ro" --rng --console "$console" \
		--cmdline "sectors=$sectors ro_sectors=$ro_sectors grown=$grown $words" "$@" </dev/null 2>"$OUT/$name.stderr" &
	pid=$!
}

# attend LINE: waits until it stands on the console; false when the guest ended without it, or after a minute
attend() {
	local ticks=0
	until grep -q "^$1\$" "$console"; do
		case $(cat /proc/$pid/stat 2>/dev/null) in '' | *') Z '*) return 1 ;; esac
		ticks=$((ticks + 1))
		if [ $ticks -gt 1200 ]; then
			kill -9 $pid
			return 1
		fi
		sleep 0.05
	done
}

resize() { attend 'please resize' && truncate -s $((grown * 512)) "$disk" && kill -USR2 $pid; }

# One for each case on the list, whether the guest got there or not.
verdicts() {
	awk -v name="$name" '
		FNR == NR { if (sub(/^CASE\(/, "") && sub(/\)$/, "")) list[++n] = $0; next }
		/^ok / { good[$2] = 1 }
		/^not ok / { c = $3; sub(/:$/, "", c); sub(/^not ok [^ ]* /, ""); why[c] = $0 }
		END {
			for (i = 1; i <= n; i++) {
				c = list[i]
				if (c in good) print "PASS tiny/" name "-" c
				else print "FAIL tiny/" name "-" c ": " (c in why ? why[c] : "the guest did not get there")
			}
			if (!n) print "FAIL tiny/" name ": no list of cases"
		}' "$IN/tiny_cases.def" "$console"
}

# what the guest said, what ringside-vmm said of it, and what is in the images
judge() {
	local status=0 announced reported
	wait $pid || status=$?
	if [ $status = 0 ]; then pass "$name-exit-status"; else fail "$name-exit-status" "$status: $(tail -n 1 "$OUT/$name.stderr")"; fi
	verdicts | tee -a "$OUT/results"
	announced=$(sed -n 's/^offence //p' "$console" | sort -u)
	reported=$(sed -n 's/.*guest offence \([a-z-]*\):.*/\1/p' "$OUT/$name.stderr" | sort -u)
	if [ -n "$reported" ] && [ "$announced" = "$reported" ]; then
		pass "$name-offences-reported"
	else
		fail "$name-offences-reported" "the guest committed: $(echo $announced); the host reports: $(echo $reported)"
	fi
	head -c 16384 /dev/zero | tr '\0' R >"$TMPDIR/want"
	if dd if="$disk" bs=512 skip=1024 count=32 2>/dev/null | cmp -s - "$TMPDIR/want"; then
		pass "$name-image"
	else
		fail "$name-image" "the last write is not in the image"
	fi
	if read_only_image | cmp -s - "$ro"; then pass "$name-read-only-image"; else fail "$name-read-only-image" "it changed"; fi
}

# whole NAME [option]...: one run from begin to end
whole() {
	name=$1
	shift
	start "$name" '' "$@"
	resize
	attend end
	judge
}

whole plain
whole recorded --record "$OUT/recorded.vtrace" --record-payload full

# Killed half-way; `stay` sees to it that there is something to kill on a quick machine, too. By plain system calls, as where a
# container refuses io_uring.
RINGSIDE_NO_URING=1
export RINGSIDE_NO_URING
start killed stay --record "$OUT/killed.vtrace"
resize
if attend 'ok blk_many' && kill -9 $pid; then
	wait $pid
	if [ $? = 137 ]; then pass killed; else fail killed "it had ended by itself"; fi
else
	fail killed "the guest did not get there: $(tail -n 1 "$OUT/killed.stderr")"
fi
if grep '^not ok ' "$console" >"$TMPDIR/bad"; then fail killed-cases "$(head -n 1 "$TMPDIR/bad")"; else pass killed-cases; fi

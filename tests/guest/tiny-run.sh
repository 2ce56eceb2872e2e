# SPDX-License-Identifier: BSD-2-Clause
# Runs the tiny guest on /dev/kvm, on this machine or in a nested one (tests/boot/machine.sh): $IN holds what is needed, $OUT gets
# results (a PASS or FAIL line each), consoles and traces. busybox sh will do.
sectors=16384 ro_sectors=129 grown=18432
disk=$TMPDIR/tiny.img ro=$TMPDIR/ro.img
pass() { echo "PASS tiny/$1" | tee -a "$OUT/results"; }
fail() { echo "FAIL tiny/$1: $2" | tee -a "$OUT/results"; }

read_only_image() { yes 'read-only disk.' | head -c $((ro_sectors * 512)); }

# start NAME WORDS [option]...: boots it with fresh disks, in the background; WORDS: more for its command line. What the guest and
# what the host says go to one file, in the order in which it came: the guest waits for what an offence leads to.
start() {
	name=$1 console=$OUT/$1.console words=$2
	shift 2
	rm -f "$disk" "$ro"
	truncate -s $((sectors * 512)) "$disk"
	read_only_image >"$ro"
	: >"$console"
	ringside-vmm --kernel "$IN/tiny.elf" --memory 64M --disk "$disk,in_order=on,notification_data=on,platform=on" --disk "$ro,ro" --rng \
		--cmdline "sectors=$sectors ro_sectors=$ro_sectors grown=$grown $words" "$@" </dev/null >"$console" 2>&1 &
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

# One for each case on the list, whether the guest got there or not. Between its verdict and the one before, the host must have
# reported the offences that the guest announced, and no others; but it does not report a kind for ever.
verdicts() {
	awk -v name="$name" '
		function judge_case(c, good, why, o) {
			for (o in said) if (!(o in told) && shown[o] < 10) why = why "the host does not report " o "; "
			for (o in told) if (!(o in said)) why = why "the host reports " o "; "
			sub(/; $/, "", why)
			result[c] = good && why == "" ? "" : why
			done[c] = 1
			split("", said); split("", told)
		}
		FNR == NR { if (sub(/^CASE\(/, "") && sub(/\)$/, "")) list[++n] = $0; next }
		/^offence / { said[$2] = 1 }
		/^ringside-vmm: .*: guest offence / && !/ times in all$/ {
			o = $0; sub(/.*: guest offence /, "", o); sub(/:.*/, "", o)
			told[o] = 1; shown[o]++
		}
		/^ok / { judge_case($2, 1, "") }
		/^not ok / { c = $3; sub(/:$/, "", c); sub(/^not ok [^ ]* /, ""); judge_case(c, 0, $0 "; ") }
		END {
			for (i = 1; i <= n; i++) {
				c = list[i]
				if (!(c in done)) print "FAIL tiny/" name "-" c ": the guest did not get there"
				else if (result[c] != "") print "FAIL tiny/" name "-" c ": " result[c]
				else print "PASS tiny/" name "-" c
			}
			if (!n) print "FAIL tiny/" name ": no list of cases"
		}' "$IN/tiny_cases.def" "$console"
}

# what the guest said, what ringside-vmm said of it, and what is in the images
judge() {
	local status=0
	wait $pid || status=$?
	if [ $status = 0 ]; then pass "$name-exit-status"; else fail "$name-exit-status" "$status: $(tail -n 1 "$console")"; fi
	verdicts | tee -a "$OUT/results"
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
	fail killed "the guest did not get there: $(tail -n 1 "$console")"
fi
if grep '^not ok ' "$console" >"$TMPDIR/bad"; then fail killed-cases "$(head -n 1 "$TMPDIR/bad")"; else pass killed-cases; fi

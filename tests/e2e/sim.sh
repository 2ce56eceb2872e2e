#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ringside sim: nothing is found in some thousand runs of every kind; the same seed and steps give the same hash on gcc, clang and
# ASan builds and on two runs; a bug that is planted in a copy of core/ is found, and its file shows it again.
# Prints `PASS name` or `FAIL name: why`; RINGSIDE names another program than build/plain/ringside.
set -u
cd "$(dirname "$0")/../.." || exit 1
ringside=${RINGSIDE:-build/plain/ringside}
prefix=sim-
. tests/report.sh
[ -x "$ringside" ] || { fail program "no $ringside: make all"; exit 1; }
hash_of() { sed -n 's/^hash //p' "$1"; }

# Every kind of guest, on every device.
for guest in good sloppy hostile mix; do
	for device in blk rng net console all; do
		if "$ringside" sim --guest $guest --device $device --seed 42 --steps 150000 --out "$work" >"$work/out" 2>&1; then
			pass "$guest-$device: $(grep -o '[0-9]* requests,' "$work/out" | tail -n 1 | tr -d ,)"
		else
			fail "$guest-$device" "$(grep -m1 -E '^VIOLATION|^ringside' "$work/out")"
		fi
	done
done

# Legal programs get the same answers from both rings (--steps counts both runs): 3000 of them.
if "$ringside" sim --ring both --seed 9 --steps 600000 --out "$work" >"$work/out" 2>&1; then
	pass "both-rings: $(grep -o '[0-9]* runs' "$work/out" | tail -n 1) of programs"
else
	fail both-rings "$(grep -m1 -E '^VIOLATION|^ringside' "$work/out")"
fi

# One hash.
first=''
for flavour in plain plain clang asan; do
	"build/$flavour/ringside" sim --seed 7 --steps 100000 --jobs 2 --out "$work" >"$work/out" 2>&1
	hash=$(hash_of "$work/out")
	[ -n "$first" ] || first=$hash
	if [ -n "$hash" ] && [ "$hash" = "$first" ]; then pass "hash-$flavour"; else fail "hash-$flavour" "'$hash' instead of '$first'"; fi
done
"$ringside" sim --seed 8 --steps 100000 --jobs 2 >"$work/out" 2>&1
if [ "$(hash_of "$work/out")" != "$first" ]; then pass other-seed; else fail other-seed "the same hash for two seeds"; fi

# Ctrl-C ends with the summary and status 0.
"$ringside" sim --seconds 100 --jobs 2 --out "$work" >"$work/out" 2>&1 &
pid=$!
sleep 1
kill -INT $pid
status=0
wait $pid || status=$?
if [ "$status" = 0 ] && [ -n "$(hash_of "$work/out")" ]; then pass interrupted; else fail interrupted "status $status"; fi

# So does a signal to the whole group, as timeout(1) sends it: what ends the workers then is no finding.
timeout 2 "$ringside" sim --seconds 100 --jobs 2 --out "$work/none" >"$work/out" 2>&1
if [ -n "$(hash_of "$work/out")" ] && ! grep -q ^VIOLATION "$work/out"; then pass terminated; else fail terminated "$(tail -n 1 "$work/out")"; fi

# Mistakes: status 2, one line, with the words in it.
refused() { refused_by "$1" "$2" "$ringside" sim "${@:3}"; }
refused device 'no such thing as balloon (all, blk, rng, net, console)' --device balloon
refused guest 'no such thing as nice (mix, good, sloppy, hostile)' --guest nice
refused fault 'no such thing as fire (eio,' --faults eio,fire
refused oracle 'no such thing as delphi (ownership,' --oracle -delphi
refused oracle-on 'leaves that one out' --oracle ownership
refused commit "expected a commit's hash" --seed-from HEAD
refused two-seeds 'only one of them' --seed 1 --seed-from 0123abcd
refused both-hostile 'legal programs' --ring both --guest hostile
refused jobs 'at most 64' --jobs 65
refused no-jobs '--jobs: expected at least 1' --jobs 0
refused no-steps '--steps: expected at least 1' --steps 0
refused no-directory 'findings cannot be written into' --steps 1 --out "$work/out/sub"

# A bug is found; the file shows it again, and so does a crash's. Only the file with the bug is compiled: it comes ahead of what else
# core is made of.
planted() { # planted NAME ORACLE FILE SED-SCRIPT [OPTION...]
	local name=$1 oracle=$2 file=core/$3 script=$4 status=0 again='the same again'
	shift 4
	sed "$script" "$file" >"$work/bug.c"
	if cmp -s "$file" "$work/bug.c" || ! gcc -std=gnu11 -O1 -w -Icore -I"$(dirname "$file")" "$work/bug.c" build/plain/sim-frontend/main.o \
		build/plain/libsim.a build/plain/libcore.a -lzstd -lz -o "$work/buggy"; then
		fail "planted-$name" "the bug does not apply to $file any more, or does not build"
		return
	fi
	[ "$oracle" != determinism ] || again='a fresh process gives '
	"$work/buggy" sim --seed 1 --seconds 60 --out "$work/found" "$@" >"$work/out" 2>&1 || status=$?
	found=$(sed -n 's/.*written: //p' "$work/out")
	if [ "$status" != 1 ] || ! grep -q "^VIOLATION $oracle " "$work/out" || ! grep -q "$again" "$work/out"; then
		fail "planted-$name" "status $status: $(grep -m1 ^VIOLATION "$work/out")"
		return
	fi
	pass "planted-$name: $(grep -o -m1 '^VIOLATION.*at op [0-9]* of [0-9]*' "$work/out")"
	[ "$oracle" != determinism ] || return # it may do nothing odd in a fresh process
	{ "$work/buggy" run --quiet "$found" >"$work/again" 2>&1; } 2>/dev/null # bash tells of traps
	status=$?
	if [ "$oracle" = crash ] && [ "$status" -gt 128 ]; then
		pass "file-$name"
	elif [ "$status" = 1 ] && grep -qF "$(sed -n '1s/^# //p' "$found")" "$work/again"; then
		pass "file-$name"
	else
		fail "file-$name" "status $status: $(tail -n 1 "$work/again")"
	fi
}
planted used-length used-ring devices/blk.c 's/return stored == write_len - 1 ? write_len : stored;/(void)stored; return write_len;/'
planted lost-wake liveness devices/blk.c 's/b->vdev.host->again(b->vdev.host_ctx, i);/(void)i;/'
planted trap crash devices/blk.c 's/^\tif (c->write_len == 0) {.*/\tif (c->write_len == 0) { __builtin_trap();/'
planted packed-length differential vq_packed.c 's/^\tpacked_stage(q, m, q->next_used, tok.id, written);/\tpacked_stage(q, m, q->next_used, tok.id, written - (written == 513));/' \
	--ring both --oracle -used-ring --oracle -content --oracle -backend
# That takes two runs all the way: the finding shrinks, and each form shows it; the tree without the bug is silent.
two_runs() { # what `planted` left
	local status=0 form base=$work/two
	"$work/buggy" shrink "$found" --seconds 10 -o "$base" >"$work/out" 2>&1 || status=$?
	if [ $status != 0 ] || ! grep -q '^after: .*: differential at op' "$work/out"; then
		fail two-runs-shrink "status $status: $(tail -n 1 "$work/out")"
		return
	fi
	for form in "run --quiet $base.txt" "replay $base.txt" "replay $base.vtrace" "triage $base.txt -o $base-triage"; do
		status=0
		# shellcheck disable=SC2086 # words
		"$work/buggy" $form </dev/null >"$work/out" 2>&1 || status=$?
		if [ $status = 1 ] && grep -qE '^VIOLATION differential |^01-differential .* differential at op' "$work/out"; then
			pass "two-runs-${form%% *}-${form##*.}"
		else
			fail "two-runs-${form%% *}" "status $status: $(tail -n 2 "$work/out")"
		fi
	done
	if "$ringside" run --quiet "$base.txt" >"$work/out" 2>&1; then pass two-runs-without-it; else fail two-runs-without-it "$(head -n 1 "$work/out")"; fi
	local cc=(gcc -std=gnu11 -w -I. -Icore -Isim-frontend) libs=(build/plain/libsim.a build/plain/libcore.a -lcmocka -lzstd -lz)
	"${cc[@]}" "$base.c" "$work/bug.c" "${libs[@]}" -o "$base.bug" && "${cc[@]}" "$base.c" "${libs[@]}" -o "$base.test"
	if "$base.bug" >"$work/out" 2>&1; then
		fail two-runs-test "the C test passes with the bug"
	elif ! grep -q 'VIOLATION differential' "$work/out" || ! "$base.test" >"$work/out" 2>&1; then
		fail two-runs-test "$(grep -m1 ERROR "$work/out")"
	else
		pass two-runs-test
	fi
}
two_runs
# What is left of the runs before: every thousandth offence is not told. Nobody else may be blamed, a save least of all.
planted left-over determinism vdev.c 's/^\td->host->offence(d->host_ctx, o);/\tstatic unsigned n;\n\tif (++n % 1000)\n\t&/'
# A fuzzer's find of that kind is bytes, which say nothing of two runs: triage runs what is silent once more by itself.
sed 's/^\td->host->offence(d->host_ctx, o);/\tstatic unsigned n;\n\tif (++n % 3)\n\t&/' core/vdev.c >"$work/bug.c"
printf 'device rng0\nrng0 post len=64\nrng0 kick\nrng0 publish head=60000 advance=1\nrng0 run\n' >"$work/left.txt"
gcc -std=gnu11 -O1 -w -Icore "$work/bug.c" build/plain/sim-frontend/main.o build/plain/libsim.a build/plain/libcore.a -lzstd -lz -o "$work/buggy" &&
	"$ringside" assemble "$work/left.txt" -o "$work/left.bin" &&
	"$work/buggy" triage --device rng "$work/left.bin" -o "$work/left" >"$work/out" 2>&1
if grep -q '^01-determinism ' "$work/out" && head -n 1 "$work/left/01-determinism/shrunk.txt" | grep -q '^# determinism '; then
	pass triage-two-runs
else
	fail triage-two-runs "$(tail -n 2 "$work/out")"
fi
exit $failures

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ringside run: every kept program runs with nothing to complain about, its recording replays bit for bit, and the same again;
# mistakes are told with their place and status 2; a bug that is planted in a copy of core/ makes it end with status 1.
# Prints `PASS name` or `FAIL name: why`; RINGSIDE names another program than build/plain/ringside.
set -u
cd "$(dirname "$0")/../.." || exit 1
ringside=${RINGSIDE:-build/plain/ringside}
prefix=run-
. tests/report.sh
[ -x "$ringside" ] || { fail program "no $ringside: make all"; exit 1; }

# Kept programs: run, record, replay, also as changed code would be (of what fuzzers grew, strictly alone). Loose replay has room for each
# buffer; where the simulator had none, it asks for other things.
kept() { # TEXT: what is wrong with it, or nothing
	if ! "$ringside" run --quiet --record "$work/run.vtrace" "$1" >"$work/out" 2>&1; then
		echo "$1: $(grep -m1 VIOLATION "$work/out" || tail -n 1 "$work/out")"
	elif ! "$ringside" replay "$work/run.vtrace" >"$work/out" 2>&1; then
		echo "$1: its recording does not replay: $(head -n 2 "$work/out" | tr '\n' ' ')"
	elif ! grep -q 'bit-exact' "$work/out"; then
		echo "$1: the replay is not bit-exact"
	elif [[ $1 != */grown-* ]] && ! "$ringside" replay --loose "$work/run.vtrace" >"$work/out" 2>&1 &&
		! "$ringside" show "$work/run.vtrace" | grep -q ' granted=0 '; then
		echo "$1: replayed as changed code would be: $(head -n 1 "$work/out")"
	fi
}
for kind in blk rng net console device bugs; do
	bad='' n=0
	for text in corpus/$kind/*.txt; do
		n=$((n + 1))
		bad=$(kept "$text")
		[ -z "$bad" ] || break
	done
	if [ -n "$bad" ]; then fail "corpus-$kind" "$bad"; else pass "corpus-$kind ($n programs)"; fi
done

# Every offence that only packed rings know is committed by a kept program.
bad=''
for offence in ring-overrun list-torn id-range id-in-flight indirect-list; do
	"$ringside" run "corpus/blk/packed-$offence.txt" | grep -q "offence $offence" || bad="$bad $offence"
done
if [ -n "$bad" ]; then fail packed-offences "not reached:$bad"; else pass packed-offences; fi

# What it prints.
cat >"$work/a.txt" <<'END'
blk0 post type=out sector=3 len=1024
blk0 kick
blk0 break how=15
blk0 post type=in len=512
blk0 kick
blk0 read reg=0x70 size=4
blk0 reap
END
"$ringside" run "$work/a.txt" >"$work/out" 2>&1
status=$?
for words in 'op' 'used: queue 0 id 0 len 1, OUT: OK' 'offence read-after-write drv.split.framing.1' 'interrupt: configuration change' \
	'register 0x070 is 0x4f' '7 ops, 2 requests: 1 answered, 0 of them failed; 2 kicks, 2 interrupts, 1 offences'; do
	if [ "$status" = 0 ] && grep -qF "$words" "$work/out"; then pass "prints '$words'"; else fail "prints '$words'" "status $status: $(tail -n 1 "$work/out")"; fi
done
"$ringside" run "$work/a.txt" >"$work/again" 2>&1
if cmp -s "$work/out" "$work/again"; then pass same-again; else fail same-again "two runs print other things"; fi

# Devices as their lines ask for.
printf 'device blk0 features=0x130000046 queues=16 config=2000000000000000\nblk0 post type=flush\nblk0 kick\nblk0 read reg=0x100 size=4\nblk0 reap\n' >"$work/dev.txt"
if "$ringside" run "$work/dev.txt" >"$work/out" 2>&1 && grep -q 'FLUSH: UNSUPP' "$work/out" && grep -q 'register 0x100 is 0x20' "$work/out"; then
	pass device-line
else
	fail device-line "$(tail -n 2 "$work/out")"
fi
# Bit 34 is RING_PACKED: only a packed ring can have five entries.
printf 'device blk0 features=0x14d30000046\ndevice rng1 features=0x530000000\nblk0 negotiate\nblk0 queue size=5\nblk0 driver_ok\nblk0 post\nblk0 kick\nblk0 queue_reset\nblk0 reap\nblk0 read reg=0x44 size=4\nblk0 queue size=5\nblk0 post\nblk0 kick\nblk0 reap\nrng1 post\nrng1 kick\nrng1 reap\n' >"$work/dev.txt"
if "$ringside" run "$work/dev.txt" >"$work/out" 2>&1 && grep -q 'rng1 used: queue 0 id 0 len 1' "$work/out" && grep -q 'blk0 used: queue 0 id 0 len 513' "$work/out" &&
	grep -q 'register 0x044 is 0x0' "$work/out" && [ "$("$ringside" run --record "$work/dev.vtrace" "$work/dev.txt" >"$work/out" && "$ringside" show "$work/dev.vtrace" | grep -c 'reg=0x038 size=4 value=0x5 ')" = 2 ]; then
	pass device-line-packed
else
	fail device-line-packed "$(tail -n 2 "$work/out")"
fi
printf 'device rng0\ndevice blk1\nrng0 post len=5\nrng0 kick\nblk1 post type=in len=512\nblk1 kick\nblk1 reap\nrng0 reap\n' >"$work/two.txt"
if "$ringside" run "$work/two.txt" >"$work/out" 2>&1 && grep -q 'rng0 used: queue 0 id 0 len 6' "$work/out" && grep -q 'blk1 used: queue 0 id 0 len 513, IN: OK' "$work/out"; then
	pass two-devices
else
	fail two-devices "$(tail -n 2 "$work/out")"
fi

# A device that is used while another one works: a recording of it has one order and replays.
cat >"$work/both.txt" <<'END'
device blk0
device blk1
blk0 post type=out sector=1 len=512
blk1 post type=in sector=1 len=512
blk0 when point=before_store for=used_idx
blk1 kick
blk0 when point=after_load for=desc
blk1 read reg=0x61 size=2
blk0 when point=after_load for=header
blk1 reset
blk0 kick
blk1 post
blk0 when point=submit
blk1 kick
blk0 post
blk0 kick
END
if "$ringside" run --record "$work/both.vtrace" "$work/both.txt" >"$work/out" && "$ringside" replay "$work/both.vtrace" >>"$work/out"; then
	pass records-nested-devices
else
	fail records-nested-devices "$(grep -m1 -E 'diverges|VIOLATION' "$work/out")"
fi

# Oracles can be switched off, one by one or all.
if "$ringside" run --quiet --without-oracle work --without-oracle content "$work/a.txt" >"$work/out" 2>&1 &&
	"$ringside" run --quiet --without-oracle all "$work/a.txt" >>"$work/out" 2>&1; then
	pass without-oracles
else
	fail without-oracles "$(tail -n 1 "$work/out")"
fi

# Mistakes: status 2, one line, with the words in it.
printf 'blk0 post\nblk0 kick quee=1\n' >"$work/bad.txt"
printf 'blk0 post type=in len=70000\n' >"$work/large.txt"
printf 'device blk0 features=0xffffffff\nblk0 post\n' >"$work/features.txt"
printf 'trace version=1 payload=full build="x"\nend done\n' >"$work/trace.txt"
refused_by no-file 'missing argument' "$ringside" run
refused_by missing-file 'cannot open: No such file' "$ringside" run "$work/none.txt"
refused_by wrong-field 'bad.txt:2:11: ' "$ringside" run --quiet "$work/bad.txt"
refused_by too-large 'large.txt:1:' "$ringside" run "$work/large.txt"
refused_by endless-line 'line too long' prlimit --as=500000000 "$ringside" run /dev/zero
refused_by features 'can not be made with features' "$ringside" run "$work/features.txt"
refused_by a-trace 'not a program' "$ringside" run "$work/trace.txt"
refused_by oracle-name 'no such oracle: frob' "$ringside" run --without-oracle work --without-oracle frob "$work/a.txt"
refused_by record-directory 'cannot create' "$ringside" run --record "$work/none/x.vtrace" "$work/a.txt"

# Bugs, planted one at a time in a copy of core/: the run must end with status 1 and name the oracle.
cp -r core "$work/core"
planted() { # planted NAME ORACLE FILE SED-SCRIPT PROGRAM
	local name=$1 oracle=$2 file=$work/core/$3 script=$4 program=$5 status=0 out
	cp "$file" "$work/kept"
	sed -i "$script" "$file"
	if cmp -s "$file" "$work/kept"; then
		fail "planted-$name" "the bug does not apply to $3 any more"
		return
	fi
	if ! gcc -std=gnu11 -O1 -w -Icore -I"${file%/*}" "$file" build/plain/sim-frontend/main.o build/plain/libsim.a build/plain/libcore.a \
		-lzstd -lz -o "$work/buggy"; then
		fail "planted-$name" "does not build"
	else
		out=$("$work/buggy" run "$program" 2>&1) || status=$?
		local clause
		clause=$(sed -n "s/^VIOLATION $oracle \([a-z.]*[0-9]\) at op.*/\1/p" <<<"$out")
		if [ "$status" = 1 ] && grep -q "^VIOLATION $oracle .*at op [0-9]*, blk0: " <<<"$out" &&
			{ [ -z "$clause" ] || grep -q "^clause $clause (M.*: ." <<<"$out"; }; then
			pass "planted-$name: $(grep -o -m1 '^VIOLATION.*at op [0-9]*' <<<"$out")"
		else
			fail "planted-$name" "status $status, no $oracle: $(grep -m1 VIOLATION <<<"$out")"
		fi
	fi
	cp "$work/kept" "$file"
}
planted used-length used-ring devices/blk.c 's/return stored == write_len - 1 ? write_len : stored;/(void)stored; return write_len;/' corpus/blk/faults.txt
planted avail-event ownership vq_split.c 's/^\tif (q->event_idx)$/\tif (q->size)/' corpus/blk/no-event-idx.txt
planted lost-interrupt notification vq_split.c 's/return vring_need_event(v, q->published, before);/return v == 77;/' corpus/blk/write-read.txt
planted lost-wake liveness devices/blk.c 's/b->vdev.host->again(b->vdev.host_ctx, i);/(void)i;/' corpus/blk/stalled.txt
planted kicks-stay-off liveness vq_split.c 's/else if (q->kicks_off)/else if (q->kicks_off \&\& !q->size)/' corpus/blk/no-event-idx.txt
planted double-fetch fetch-once devices/blk.c 's/^\tif (!vq_read(&d.in, b->vdev.mem, VMEM_HEADER, &h, sizeof(h))) {/\tstruct vq_cursor twice = d.in;\n\t(void)!vq_read(\&twice, b->vdev.mem, VMEM_HEADER, \&h, sizeof(h));\n&/' corpus/blk/write-read.txt
exit $failures

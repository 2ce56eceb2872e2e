#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What fuzz/run.sh keeps, whatever ends a run and whatever disk is full: in a tree of its own, where programs of a few lines stand for
# the fuzzers. Prints `PASS name` or `FAIL name: why`.
# shellcheck disable=SC2016
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=fuzz-keeps-
. tests/report.sh
tree=$work/tree grown=$work/tree/build/grown/rng finds=$work/tree/build/finds/rng
mkdir -p "$tree"/fuzz "$tree"/build/{corpus/rng,fuzz,afl,cmplog,plain,grown/rng,finds/rng} "$work/bin"
ln -s "$PWD"/fuzz/* "$tree/fuzz"
: >"$tree/Makefile"
: >"$tree/build/afl/mutator.so"
stub() { # FILE: a program, from standard input
	{ echo '#!/bin/bash'; cat; } >"$1"
	chmod +x "$1"
}
stub "$tree/build/plain/ringside" <<<'echo "device rng0"; echo "rng0 save"'
export SEEDS=true PATH=$work/bin:$PATH
run() { timeout 60 "$tree/fuzz/run.sh" "$@"; }
sha() { printf %s "$1" | sha1sum | cut -c 1-40; }
program() { printf %s "$2" >"$1/$(sha "$2")"; } # DIRECTORY BYTES: as libFuzzer keeps it
has() { [ "$(cat "$1/$(sha "$2")" 2>/dev/null)" = "$2" ]; }
# The last folder that is named is where the fuzzer keeps what it finds.
fuzzer='for a in "$@"; do case $a in /dev/shm/* | build/ringside-fuzz.*) live=$a ;; -artifact_prefix=*) finds=${a#*=} ;; esac; done
put() { printf %s "$1" >"$live/$(printf %s "$1" | sha1sum | cut -c 1-40)"; }
'
fuzz() { stub "$tree/build/fuzz/fuzz_rng" <<<"$fuzzer$1"; }

# -- what has grown
program "$grown" old
fuzz 'rm "$live"/*; put new'
if run libfuzzer rng 1 >"$work/out" 2>&1 && has "$grown" new && ! has "$grown" old && [ "$(find "$grown" -type f | wc -l)" = 1 ]; then pass replaces; else fail replaces "$(tail -n 1 "$work/out")"; fi
# A disk that is full: files of no bytes, and such as were cut off.
program "$grown" old
fuzz 'rm "$live"/*; put newer; : >"$live/$(printf %s old | sha1sum | cut -c 1-40)"; printf hal >"$live/$(printf %s half | sha1sum | cut -c 1-40)"'
run libfuzzer rng 1 >"$work/out" 2>&1
if has "$grown" old && has "$grown" new && has "$grown" newer && [ "$(find "$grown" -type f | wc -l)" = 3 ] && grep -q 'was full: 2 programs were cut off' "$work/out"; then
	pass memory-full
else
	fail memory-full "$(tail -n 1 "$work/out"); $(find "$grown" -type f | wc -l) programs"
fi
# No room in memory from the start: `cp` fails there, half way.
stub "$work/bin/cp" <<<'case ${!#} in /dev/shm/*) : >"${!#}/$(printf %s old | sha1sum | cut -c 1-40)"; exit 1 ;; esac; exec /bin/cp "$@"'
fuzz 'put "${live%.*}"'
if run libfuzzer rng 1 >"$work/out" 2>&1 && has "$grown" old && has "$grown" build/ringside-fuzz && grep -q '/dev/shm has no room' "$work/out" &&
	[ -z "$(find "$tree/build" -name 'ringside-fuzz.*')" ]; then
	pass no-memory
else
	fail no-memory "$(tail -n 1 "$work/out")"
fi
# The disk is full when all is over: nothing that was there is touched, and what is new stays where it is.
stub "$work/bin/cp" <<<'case ${!#} in *.new) : >"${!#}/$(printf %s old | sha1sum | cut -c 1-40)"; exit 1 ;; esac; exec /bin/cp "$@"'
fuzz 'rm "$live"/*; put newest'
run libfuzzer rng 1 >"$work/out" 2>&1
live=$(sed -n 's/^fuzz: what has grown is in \([^:]*\):.*/\1/p' "$work/out")
if has "$grown" old && [ -n "$live" ] && has "$live" newest; then pass disk-full; else fail disk-full "$(tail -n 1 "$work/out")"; fi
rm -rf "$work/bin/cp" "$live"

# -- the ends of runs
alive() { [ -e "$work/pid" ] && kill -0 "$(cat "$work/pid")" 2>/dev/null; }
begin() { # JOBS: a run that does not end; returns when its fuzzers have begun
	rm -f "$work"/pid*
	JOBS=$1 "$tree/fuzz/run.sh" libfuzzer rng 60 >"$work/out" 2>&1 &
	run=$!
	for ((i = 0; i < 100; i++)); do [ -s "$work/pid" ] && [ -s "$work/live" ] && return; sleep 0.1; done
}
fuzz "put \$\$; echo \$live >$work/live; echo \$\$ >$work/pid; exec sleep 60"
begin 2
out=$(run libfuzzer rng 1 2>&1)
if [ $? = 2 ] && [ "$(wc -l <<<"$out")" = 1 ] && grep -q 'rng is being fuzzed already' <<<"$out" && alive; then pass one-at-a-time; else fail one-at-a-time "$out"; fi
kill $run
wait $run
status=$?
if [ $status = 143 ] && ! alive && [ ! -d "$(cat "$work/live")" ] && has "$grown" "$(cat "$work/pid")"; then pass sigterm; else fail sigterm "status $status, $(tail -n 1 "$work/out")"; fi
# The first of several that finds something ends the run.
fuzz 'if mkdir "$finds/../first" 2>/dev/null; then printf x >"$finds/crash-1"; echo "ORACLE x y: z" >&2; exit 77; fi; exec sleep 50'
run=$SECONDS
out=$(JOBS=2 run libfuzzer rng 60 2>&1)
if [ $? = 1 ] && grep -q '^fuzz: FOUND in rng: ORACLE x y: z' <<<"$out" && [ $((SECONDS - run)) -lt 40 ]; then pass first-find-ends; else fail first-find-ends "$out"; fi
# A tape is told as the program that was made of it, which lies beside it, so that triage takes it with the others.
fuzz 'printf x >"$finds/crash-2"; text=$RINGSIDE_FUZZ_TEXTS/a-1.txt; echo "device rng0" >"$text"; printf "%s\n" "ORACLE differential: z" "the input was a tape, ..." "its ops: $text" >&2; exit 77'
out=$(run libfuzzer rng 1 2>&1)
if [ $? = 1 ] && [ -s "$finds/a-1.txt" ] && grep -q '^  program    build/finds/rng/crash-2 ' <<<"$out" && grep -q '^  op by op   build/plain/ringside run build/finds/rng/a-1.txt$' <<<"$out" &&
	grep -q 'triage build/finds/rng -o' <<<"$out"; then
	pass tape
else
	fail tape "$out"
fi

# -- AFL++: what a run that was killed has left is kept before the next one begins, and what one leaves that fails
afl_out=$tree/build/afl/out-rng
for part in queue crashes hangs; do
	mkdir -p "$afl_out/main/$part"
	printf %s "killed-$part" >"$afl_out/main/$part/id:000000,src:000000,time:1"
done
printf %s imported >"$afl_out/main/queue/id:000001,time:0,orig:imported"
stub "$tree/build/afl/fuzz_rng" <<<'echo "ORACLE its own words" >&2; exit 134'
stub "$work/bin/afl-fuzz" <<<"mkdir -p $afl_out/main/crashes; printf %s found >$afl_out/main/crashes/id:000000,sig:06; exit 1"
out=$(run afl rng 1 2>&1)
status=$?
missing=
for find in crash-$(sha killed-crashes) timeout-$(sha killed-hangs) crash-$(sha found); do [ -s "$finds/$find" ] || missing+=" $find"; done
if [ $status = 1 ] && [ -z "$missing" ] && has "$grown" killed-queue && ! has "$grown" imported; then pass afl; else fail afl "status $status,$missing: $(tail -n 1 <<<"$out")"; fi
stub "$work/bin/afl-fuzz" <<<"mkdir -p $afl_out/main/queue; printf %s ended >$afl_out/main/queue/id:000000; echo >$work/begun; exec sleep 60"
"$tree/fuzz/run.sh" afl rng 60 >"$work/out" 2>&1 &
run=$!
for ((i = 0; i < 100; i++)); do [ -e "$work/begun" ] && break; sleep 0.1; done
kill $run
wait $run
if [ $? = 143 ] && has "$grown" ended && [ -e "$afl_out/kept" ]; then pass afl-sigterm; else fail afl-sigterm "$(tail -n 1 "$work/out")"; fi
# The words are the target's own, not those of an earlier find's log.
echo "ORACLE of long ago" >"$tree/build/finds/rng.log.7"
stub "$work/bin/afl-fuzz" <<<"mkdir -p $afl_out/main/crashes; printf %s found >$afl_out/main/crashes/id:000000,sig:06; echo 'execs_done : 1' >$afl_out/main/fuzzer_stats"
out=$(run afl rng 1 2>&1)
if [ $? = 1 ] && grep -q '^fuzz: FOUND in rng: ORACLE its own words' <<<"$out"; then pass afl-words; else fail afl-words "$out"; fi
# How it goes, and the page: what is written down of both fuzzers, then what the find is.
told() { printf 'run_time : %s\nexecs_done : %s\nedges_found : 7\ncorpus_count : 5\n' "$1" "$2"; }
stub "$work/bin/afl-fuzz" <<<"mkdir -p $afl_out/main/crashes $afl_out/more; $(declare -f told); told 60 300 >$afl_out/main/fuzzer_stats; told 60 60 >$afl_out/more/fuzzer_stats
	sleep 7; told 67 400 >$afl_out/main/fuzzer_stats; printf %s found >$afl_out/main/crashes/id:000000,sig:06"
cp "$tree/fuzz/report.sh" "$work/report.sh"
stub "$tree/fuzz/report.sh" <<<'cat $2'
out=$(REPORT=$work/page run afl rng 70 2>&1)
status=$?
cp "$work/report.sh" "$tree/fuzz/report.sh"
if [ $status = 1 ] && grep -q '^   60 s, 360 runs, 6 runs/s, 7 edges of core reached, 5 programs kept$' <<<"$out" && grep -q '^progress:  67 s, 460 runs' "$work/page" &&
	grep -q '^report: 460 runs, 7 runs/s under AFL++, 1 at once' "$work/page" && grep -q '^ORACLE its own words' "$work/page"; then
	pass afl-told
else
	fail afl-told "status $status: $(tail -n 3 <<<"$out" | tr '\n' ' ') $(head -n 3 "$work/page")"
fi
# Finds that can not be kept: AFL++'s folder is left alone.
rm "$afl_out/kept"
stub "$work/bin/cp" <<<'echo "cp: no space" >&2; exit 1'
out=$(run afl rng 1 2>&1)
if [ $? = 2 ] && grep -q 'make room first' <<<"$out" && [ -s "$afl_out/main/crashes/id:000000,sig:06" ]; then pass afl-no-room; else fail afl-no-room "$out"; fi
exit $failures

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/run.sh libfuzzer|afl TARGET SECONDS: fuzzes one target from the kept programs (and what earlier runs here added to them,
# in build/grown/TARGET), and tells how it goes. Status 1 on a finding; what to do with it is printed.
#   JOBS=1        so many fuzzers at once, which share what they keep (AFL++: with a second one, one that compares: cmplog)
#   MAX_LEN=96    longest input in bytes (fuzz/engines.sh tells those of each target); OPTIONS: more options for the fuzzer
#   FRESH=1       from an empty corpus, in build/fresh/TARGET; tells at the end what it reached of that device's files
#   REPORT=FILE   writes what libFuzzer did as a page (HTML): over time, findings, what is reached of core/
#   RING=packed   the device offers packed rings before any op does
set -u
cd "$(dirname "$0")/.." || exit 1
. fuzz/engines.sh
engine=${1:-libfuzzer} target=${2:-blk} seconds=${3:-60} jobs=${JOBS:-1}
max_len=$(max_len_of "$target")
if [ ! -e "fuzz/fuzz_$target.c" ]; then
	echo "fuzz: no target $target: TARGET is one of$(printf ' %s' fuzz/fuzz_*.c | sed 's|fuzz/fuzz_||g; s|\.c||g')" >&2
	exit 2
fi
case $target:${RING:-} in device:?*) echo "fuzz: RING is not for device: the first byte of each input says which rings are offered" >&2; exit 2 ;; esac
case $jobs in 0 | *[!0-9]*) echo "fuzz: JOBS must be a number of fuzzers from 1 on, not '$jobs'" >&2; exit 2 ;; esac
export RINGSIDE_FUZZ_RING=${RING:-any} RINGSIDE_FUZZ_TEXTS=$PWD/build/sim
case $seconds in '' | *[!0-9]*) echo "fuzz: FUZZ_SECONDS must be a number of seconds, not '$seconds'" >&2; exit 2 ;; esac
grown=build/grown/$target${RING:+-$RING} kept=build/corpus/$target
if [ -n "${FRESH:-}" ]; then
	grown=build/fresh/$target kept=
	rm -rf "$grown"
fi
finds=build/finds/$target log=build/finds/$target.log
[ "$target" != canary ] || kept= # from nothing
mkdir -p "$grown" "$finds" "${kept:-$finds}"
touch "$finds/.since"
echo "fuzz: building $target for $engine (ASan, UBSan, oracles) ..."
fuzz/seeds.sh || exit 1

show_find() { # the program that was written, and how to look at it
	local find=$1 one_device='--one-device ' about=$target
	[ "$target" != device ] || one_device= # its first byte tells
	[ "$target" != canary ] || about=blk
	echo "fuzz: FOUND in $target: $(grep -m1 -hE '^ORACLE|: runtime error:|ERROR: |ABORTING|libFuzzer: timeout' "$log" || echo 'the target ended; see the log')"
	echo "  program    $find ($(stat -c %s "$find") bytes); log $log"
	if [ "$target" = differential ]; then
		echo "  as text    $(grep -ahm1 '^its ops: ' "$log" | sed 's/^its ops: //') (the run on split rings; on packed ones: offer features^=0x400000000)"
		echo "  op by op   build/plain/ringside run that text, and once more with the other offers: the answers differ"
		echo "  again      make FLAVOUR=fuzz build/fuzz/replay_differential && build/fuzz/replay_differential $find"
		return
	fi
	echo "  as text    build/plain/ringside show --program $one_device--device $about $find > find.txt"
	echo "  op by op   build/plain/ringside run find.txt"
	[ "$RINGSIDE_FUZZ_RING" != packed ] || echo "  the ring   packed from the start: begin the text with: ${target}0 offer features=0x400000000"
	echo "  again      make FLAVOUR=fuzz build/fuzz/replay_$target && RINGSIDE_FUZZ_RING=$RINGSIDE_FUZZ_RING build/fuzz/replay_$target $find"
	if [ "$target" = canary ]; then
		echo "  the bug    is that of fuzz/fuzz_canary.c: the device itself has none"
		return
	fi
	echo "  all finds  build/asan/ringside triage $finds -o triage     (make FLAVOUR=asan)"
	echo "  then       docs/fuzzing.md: shorten it, fix it, keep it in corpus/$target/"
}

# libFuzzer's lines and the target's own progress, in plain words, one every two seconds.
plain_words() {
	awk -v seconds="$seconds" '
		/^#[0-9]/ { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "corp:") { corp = $(i + 1); sub("/.*", "", corp) } } }
		/^progress:/ { sub("^progress: ", ""); printf "  %s, %d edges of core reached, %d programs kept\n", $0, cov, corp; fflush() }
		/^#[0-9]+[ \t]*DONE/ { runs = substr($1, 2) }
		/^report:/ { sub("^report: ", ""); report = $0 }
		/^ORACLE|: runtime error:|ERROR: / { print "  " $0; fflush() }
		END {
			if (report) printf "fuzz: %s; %d edges of core reached\n", report, cov
			else if (runs) printf "fuzz: %d runs, %.0f runs/s; %d edges reached\n", runs, runs / (seconds ? seconds : 1), cov
		}'
}

# The fuzzer replaces programs by shorter ones all the time; on a disk, making those files is a fifth of its time.
# So it works on a copy in memory, which is kept when it ends, and now and then before that, as not every end can be seen coming.
live='' saver='' save_seconds=600
saving() { # until it is told to end, and its sleep with it
	trap 'kill $!; exit' TERM
	while sleep "$save_seconds" & wait $!; do cp -rn "$live/." "$grown"; done
}
keep_grown() {
	[ -n "$live" ] || return 0
	kill "$saver" 2>/dev/null
	wait "$saver" 2>/dev/null
	rm -rf "$grown.new"
	if cp -r "$live" "$grown.new" && rm -rf "$grown" && mv "$grown.new" "$grown"; then
		rm -rf "$live"
	else
		echo "fuzz: what has grown is in $live: it can not be saved to $grown" >&2
	fi
	live=
}
trap keep_grown EXIT

# one JOB [OPTION]...: one fuzzer; what it says goes to its output
one() {
	local job=$1
	shift
	# shellcheck disable=SC2086
	RINGSIDE_FUZZ_REPORT=1 UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=$asan_options \
		"build/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len="$max_len" "${libfuzzer_options[@]}" -verbosity=1 "$@" \
		-artifact_prefix="$finds/" ${OPTIONS:-} "$live" $kept 2>&1
}

libfuzzer() {
	local job others=() reload=0 status
	make -s -j"$(nproc)" FLAVOUR=fuzz "build/fuzz/fuzz_$target" || exit 1
	echo "fuzz: $target for $seconds s, programs of at most $max_len bytes, from $(if [ -n "$kept" ]; then find "$kept" -type f | wc -l; else echo no; fi) kept ones, $jobs at once"
	live=$(mktemp -d /dev/shm/ringside-fuzz.XXXXXX 2>/dev/null || mktemp -d)
	cp -r "$grown/." "$live"
	saving >/dev/null 2>&1 &
	saver=$!
	[ "$jobs" = 1 ] || reload=10 # seconds: how often each looks at what the others keep
	for ((job = 2; job <= jobs; job++)); do
		one "$job" -reload=$reload >"$log.$job" &
		others+=($!)
	done
	one 1 -reload=$reload | tee "$log" | plain_words
	status=${PIPESTATUS[0]}
	for job in "${others[@]}"; do
		wait "$job" || status=$?
	done
	for ((job = 2; job <= jobs; job++)); do
		echo "fuzz: job $job: $(sed -n 's/^report: //p' "$log.$job")"
		grep -aE '^ORACLE|: runtime error:|ERROR: ' "$log.$job" | tee -a "$log"
	done
	return "$status"
}

# What AFL++ found to reach something new, under the names that libFuzzer would give: the next run of either begins with it.
keep_queue() { # its folder
	local program
	find "$1"/*/queue -name 'id:*' ! -name '*,orig:*' ! -name '*,sync:*' 2>/dev/null | while read -r program; do
		cp -n "$program" "$grown/$(sha1sum <"$program" | cut -c 1-40)"
	done
}

# The main one, and secondaries: the first of them looks at what the program compares (cmplog); all change programs op by op too
# (mutator.so), where they are programs.
afl() {
	local out=build/afl/out-$target${RING:+-$RING} in=build/afl/in-$target${RING:+-$RING} job others=() status=0 more
	make -s -j"$(nproc)" FLAVOUR=afl "build/afl/fuzz_$target" build/afl/mutator.so || exit 1
	[ "$jobs" = 1 ] || make -s -j"$(nproc)" FLAVOUR=cmplog "build/cmplog/fuzz_$target" || exit 1
	[ -n "${FRESH:-}" ] || keep_queue "$out" # of a run that was killed
	rm -rf "$out" "$in"
	mkdir -p "$in"
	[ -z "$kept" ] || cp -r "$kept/." "$in"
	[ "$target" = canary ] || cp -r "$grown/." "$in"
	[ -n "$(ls -A "$in")" ] || printf '\0' >"$in/byte" # it wants one
	echo "fuzz: $target under AFL++ for $seconds s, programs of at most $max_len bytes, $jobs at once"
	afl_environment "$target" "$max_len"
	for ((job = 1; job <= jobs; job++)); do
		more=(-S "more$job")
		[ $job != 1 ] || more=(-M main)
		[ $job != 2 ] || more=(-S cmplog -c "build/cmplog/fuzz_$target")
		pinned $job afl-fuzz -V "$seconds" -G "$max_len" "${afl_options[@]}" -i "$in" -o "$out" "${more[@]}" -- "build/afl/fuzz_$target" \
			>"$log.$job" 2>&1 &
		others+=($!)
	done
	for job in "${others[@]}"; do
		wait "$job" || status=$?
	done
	cat "$log".[0-9]* >"$log"
	keep_queue "$out"
	[ -r "$out/main/fuzzer_stats" ] || { tail -n 20 "$log.1"; exit 1; }
	awk -F' *: *' '{ v[FILENAME, $1] = $2; name[FILENAME] = 1 } END {
		for (f in name) {
			part = f; sub("/fuzzer_stats", "", part); sub(".*/", "", part)
			printf "fuzz: %s: %d runs, %.0f runs/s, %s of core reached, %d programs kept, %d finds, %d hangs\n", part, v[f, "execs_done"],
				v[f, "execs_per_sec"], v[f, "bitmap_cvg"], v[f, "corpus_count"], v[f, "saved_crashes"], v[f, "saved_hangs"]
		} }' "$out"/*/fuzzer_stats
	[ "$jobs" = 1 ] || afl-whatsup -d -s "$out" 2>/dev/null
	find "$out"/*/crashes "$out"/*/hangs -name 'id*' -exec cp {} "$finds/" \; 2>/dev/null
	return $status
}

status=0
case $engine in
libfuzzer) libfuzzer || status=$? ;;
afl) afl || status=$? ;;
*) echo "usage: fuzz/run.sh libfuzzer|afl TARGET SECONDS" >&2; exit 2 ;;
esac
if [ -n "${REPORT:-}" ] && [ "$engine" = libfuzzer ]; then
	keep_grown
	if fuzz/report.sh "$target" "$log" "$grown" >"$REPORT"; then echo "fuzz: the page is $REPORT"; else echo "fuzz: $REPORT: cannot write the page" >&2; fi
fi
found=$(find "$finds" -type f -newer "$finds/.since" ! -name '.*' | head -n 1)
if [ -n "$found" ]; then
	show_find "$found"
	exit 1
fi
if [ "$status" != 0 ]; then
	echo "fuzz: the fuzzer failed with status $status:"
	tail -n 15 "$log"
	exit 1
fi
echo "fuzz: no finding in $target"
if [ -n "${FRESH:-}" ]; then
	keep_grown
	echo "fuzz: from nothing, in $seconds s, $(find "$grown" -type f | wc -l) programs reach of $target:"
	fuzz/coverage.sh --of "$target" "$grown"
fi

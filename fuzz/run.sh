#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/run.sh libfuzzer|afl TARGET SECONDS: fuzzes one target from the kept programs (and what earlier runs here added to them,
# in build/grown/TARGET), and tells how it goes. Status 1 on a finding; what to do with it is printed.
#   JOBS=1        so many fuzzers at once, which share what they keep (AFL++: with a second one, one that compares: cmplog)
#   MAX_LEN=96    longest input in bytes (fuzz/engines.sh tells those of each target); OPTIONS: more options for the fuzzer
#   FRESH=1       from an empty corpus, in build/fresh/TARGET; tells at the end what it reached of that device's files
#   REPORT=FILE   writes what was done as a page (HTML): over time, findings, what is reached of core/
#   RING=packed   the device offers packed rings before any op does
set -u
cd "$(dirname "$0")/.." || exit 1
. fuzz/engines.sh
. fuzz/keep.sh
. fuzz/find.sh
engine=${1:-libfuzzer} target=${2:-blk} seconds=${3:-60} jobs=${JOBS:-1}
max_len=$(max_len_of "$target")
if [ ! -e "fuzz/fuzz_$target.c" ]; then
	echo "fuzz: no target $target: TARGET is one of$(printf ' %s' fuzz/fuzz_*.c | sed 's|fuzz/fuzz_||g; s|\.c||g')" >&2
	exit 2
fi
case ${RING:-} in '' | packed) ;; *) echo "fuzz: RING is packed or nothing, not '$RING'" >&2; exit 2 ;; esac
case $target:${RING:-} in device:?*) echo "fuzz: RING is not for device: the first byte of each input says which rings are offered" >&2; exit 2 ;; esac
case $jobs in 0 | *[!0-9]*) echo "fuzz: JOBS must be a number of fuzzers from 1 on, not '$jobs'" >&2; exit 2 ;; esac
export RINGSIDE_FUZZ_RING=${RING:-any}
case $seconds in '' | *[!0-9]*) echo "fuzz: FUZZ_SECONDS must be a number of seconds, not '$seconds'" >&2; exit 2 ;; esac
name=$target${RING:+-$RING} # what is fuzzed
of=" of core" # what is counted
[ "$target" != boot ] || of=" of the loaders"
grown=build/grown/$name kept=build/corpus/$target finds=build/finds/$name log=build/finds/$name.log
afl_out=build/afl/out-$name${FRESH:+-fresh}
[ -z "${FRESH:-}" ] || grown=build/fresh/$name kept=
[ "$target" != canary ] || kept= # from nothing
export RINGSIDE_FUZZ_TEXTS=$PWD/$finds
mkdir -p build/grown "$grown" "$finds" "${kept:-$finds}"
exec 9>"build/grown/$name.lock"
if ! flock -n 9; then
	echo "fuzz: $name is being fuzzed already, by another run in this tree, which writes to the same folders: let it end, or add fuzzers to one run with JOBS=" >&2
	exit 2
fi
if ! keep_afl; then
	echo "fuzz: what an earlier run of AFL++ left in $afl_out can not be saved: make room first" >&2
	exit 2
fi
[ -z "${FRESH:-}" ] || { rm -rf "$grown" && mkdir "$grown"; }
rm -f "$log" "$log".[0-9]* "$log.told"
touch "$finds/.since"
echo "fuzz: building $target for $engine (ASan, UBSan, oracles) ..."
fuzz/seeds.sh || exit 1

# -- what runs, by process id
declare -A running=()
teller='' # of what AFL++ does
stop_all() {
	[ -z "$teller" ] || { kill "$teller"; wait "$teller"; } 2>/dev/null
	teller=
	[ ${#running[@]} = 0 ] || { kill "${!running[@]}"; wait "${!running[@]}"; } 2>/dev/null
	running=()
}
# For all of them; where one ends that has found something or can not go on, the others are ended. Its status
wait_all() {
	local ended='' status=0
	while [ ${#running[@]} != 0 ]; do
		wait -n -p ended "${!running[@]}" || status=$?
		unset "running[$ended]"
		[ $status = 0 ] || stop_all
	done
	return $status
}
at_exit() {
	trap '' INT TERM HUP # it is ending
	stop_all
	keep_grown
	keep_afl
}
trap at_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# libFuzzer's lines and the target's own progress, in plain words, as often as it tells.
plain_words() {
	awk -v seconds="$seconds" -v of="$of" '
		/^#[0-9]/ { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "corp:") { corp = $(i + 1); sub("/.*", "", corp) } } }
		/^progress:/ { sub("^progress: ", ""); printf "  %s, %d edges%s reached, %d programs kept\n", $0, cov, of, corp; fflush() }
		/^#[0-9]+[ \t]*DONE/ { runs = substr($1, 2) }
		/^report:/ { sub("^report: ", ""); report = $0 }
		/^ORACLE|: runtime error:|ERROR: / { print "  " $0; fflush() }
		END {
			if (report) printf "fuzz: %s; %d edges%s reached\n", report, cov, of
			else if (runs) printf "fuzz: %d runs, %.0f runs/s; %d edges reached\n", runs, runs / (seconds ? seconds : 1), cov
		}'
}

# one [OPTION]...: one fuzzer, which takes the place of this process
one() {
	export RINGSIDE_FUZZ_REPORT=1 UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=$asan_options
	# shellcheck disable=SC2086
	exec "build/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len="$max_len" -dict="$(dict_of "$target")" "${libfuzzer_options[@]}" -verbosity=1 "$@" \
		-artifact_prefix="$finds/" ${OPTIONS:-} "$live" $kept 2>&1
}

libfuzzer() {
	local job reload=0 status=0 words words_end
	make -s -j"$(nproc)" FLAVOUR=fuzz "build/fuzz/fuzz_$target" || exit 1
	begin_live || exit 1
	echo "fuzz: $target for $seconds s, programs of at most $max_len bytes, from $(if [ -n "$kept" ]; then find "$kept" -type f | wc -l; else echo no; fi) kept ones, $jobs at once"
	[ "$jobs" = 1 ] || reload=10 # seconds: how often each looks at what the others keep
	for ((job = 2; job <= jobs; job++)); do
		one -reload=$reload >"$log.$job" &
		running[$!]=$job
	done
	exec {words}> >(tee "$log" | plain_words)
	words_end=$!
	one -reload=$reload >&"$words" &
	running[$!]=1
	exec {words}>&-
	wait_all || status=$?
	wait "$words_end"
	for ((job = 2; job <= jobs; job++)); do
		echo "fuzz: job $job: $(sed -n 's/^report: //p' "$log.$job")"
		grep -aE '^ORACLE|: runtime error:|ERROR: ' "$log.$job" | tee -a "$log"
	done
	return $status
}

# What the fuzzers of AFL++ write down of themselves every minute, in a libFuzzer target's words; edges and programs are the main one's.
told_afl() {
	awk -F' *: *' '
		FILENAME ~ /main.fuzzer_stats$/ { main[$1] = $2 }
		$1 == "execs_done" { runs += $2 }
		END { if ((t = main["run_time"]) > 0) printf "#%d pulse cov: %d corp: %d\nprogress: %3d s, %d runs, %.0f runs/s\n", runs, main["edges_found"], main["corpus_count"], t, runs, runs / t }
		' "$afl_out"/*/fuzzer_stats 2>/dev/null
}
tell_afl() { # into $log.told, until it is told to end
	local now said=''
	trap 'kill $!; exit' TERM
	while sleep 5 & wait $!; do
		now=$(told_afl)
		[ "$now" = "$said" ] || echo "$now" | tee -a "$log.told" | plain_words
		said=$now
	done
}

# The main one, and secondaries: the first of them looks at what the program compares (cmplog); all change programs op by op too
# (mutator.so), where they are programs.
afl() {
	local in=build/afl/in-$name job status=0 more
	make -s -j"$(nproc)" FLAVOUR=afl "build/afl/fuzz_$target" build/afl/mutator.so || exit 1
	[ "$jobs" = 1 ] || make -s -j"$(nproc)" FLAVOUR=cmplog "build/cmplog/fuzz_$target" || exit 1
	rm -rf "$afl_out" "$in"
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
		pinned $job afl-fuzz -V "$seconds" -G "$max_len" -x "$(dict_of "$target")" "${afl_options[@]}" -i "$in" -o "$afl_out" "${more[@]}" -- "build/afl/fuzz_$target" \
			>"$log.$job" 2>&1 &
		running[$!]=$job
	done
	tell_afl 9>&- &
	teller=$!
	wait_all || status=$?
	stop_all
	cat "$log".[0-9]* >"$log"
	told_afl >>"$log.told"
	sed -n "\$s/^progress: *[0-9]* s, \(.*\)/report: \1 under AFL++, $jobs at once/p" "$log.told" | cat "$log.told" - >>"$log"
	keep_afl || status=1
	[ -r "$afl_out/main/fuzzer_stats" ] || { tail -n 20 "$log.1"; exit 1; }
	awk -F' *: *' '{ v[FILENAME, $1] = $2; name[FILENAME] = 1 } END {
		for (f in name) {
			part = f; sub("/fuzzer_stats", "", part); sub(".*/", "", part)
			printf "fuzz: %s: %d runs, %.0f runs/s, %s of core reached, %d programs kept, %d finds, %d hangs\n", part, v[f, "execs_done"],
				v[f, "execs_per_sec"], v[f, "bitmap_cvg"], v[f, "corpus_count"], v[f, "saved_crashes"], v[f, "saved_hangs"]
		} }' "$afl_out"/*/fuzzer_stats
	[ "$jobs" = 1 ] || afl-whatsup -d -s "$afl_out" 2>/dev/null
	return $status
}

status=0
case $engine in
libfuzzer) libfuzzer || status=$? ;;
afl) afl || status=$? ;;
*) echo "usage: fuzz/run.sh libfuzzer|afl TARGET SECONDS" >&2; exit 2 ;;
esac
found=$(find "$finds" -type f -newer "$finds/.since" ! -name '.*' ! -name '*.txt' | head -n 1)
words=${found:+$(what_it_is "$found")}
if [ -n "${REPORT:-}" ]; then
	keep_grown
	if fuzz/report.sh "$target" "$log" "$grown" >"$REPORT"; then echo "fuzz: the page is $REPORT"; else echo "fuzz: $REPORT: cannot write the page" >&2; fi
fi
if [ -n "$found" ]; then
	show_find "$found" "$words"
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

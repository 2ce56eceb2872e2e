# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/engines.sh, to be sourced: what libFuzzer and AFL++ are told here, in one place (for run.sh, enginebench.sh, corpus.sh and the services' build.sh).

# is_program TARGET: its inputs are programs, which change op by op; else bytes.
is_program() { case $1 in trace | boot | snapshot | ring | differential) return 1 ;; esac; }
# max_len_of TARGET: the longest input, in bytes; MAX_LEN=N: that
max_len_of() {
	[ -z "${MAX_LEN:-}" ] || { echo "$MAX_LEN"; return; }
	case $1 in
	boot) echo 4096 ;;
	trace) echo 1024 ;;
	snapshot) echo 512 ;;
	console) echo 400 ;; # output goes in pieces only after many other ops
	ring | differential) echo 256 ;;
	*) echo 96 ;;
	esac
}
# dict_of TARGET: the words that its engine puts in where it changes bytes. Its own, or those of programs.
dict_of() { if [ -e "fuzz/$1.dict" ]; then echo "fuzz/$1.dict"; else echo fuzz/ops.dict; fi; }

asan_options=malloc_context_size=0:quarantine_size_mb=1:max_malloc_fill_size=0
libfuzzer_options=(-len_control=0 -timeout=10 -detect_leaks=0 -entropic=0)
afl_options=(-t 1000) # on a busy machine a run may wait for longer than AFL++ would grant it: 20 ms

# afl_environment TARGET MAX_LEN: what afl-fuzz reads from the environment. SIGTERM for what takes too long: see fuzz/afl.c
afl_environment() {
	export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 AFL_NO_ARITH=1 AFL_KILL_SIGNAL=15
	export RINGSIDE_FUZZ_TARGET=$1 RINGSIDE_FUZZ_MAX_LEN=$2
	! is_program "$1" || export AFL_CUSTOM_MUTATOR_LIBRARY=$PWD/build/afl/mutator.so
}
# pinned JOB COMMAND...: on one processor, for each JOB (1, 2, ...) another one as long as there are some, the last one first. A fuzzer
# under AFL++ is three processes of which one works: where they share a processor, none waits for another one to wake up.
pinned() {
	local job=$1 may
	shift
	mapfile -t may < <(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' | while IFS=- read -r from to; do seq "$from" "${to:-$from}"; done | sort -nr)
	exec taskset -c "${may[(job - 1) % ${#may[@]}]}" "$@"
}

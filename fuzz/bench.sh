#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/bench.sh [SECONDS]: how fast fuzz targets run the kept programs, oracles on, in processor time of one core. Prints
# `bench fuzz-blk-requests VALUE requests/s` and `bench fuzz-blk-runs VALUE runs/s`; fuzz-device: of all devices, programs of at
# most 256 bytes; fuzz-device-plain: the same without sanitizers and counters; fuzz-device-afl: by the clock, under AFL++ (sanitizers,
# pinned), which always makes the same programs of the kept ones.
set -eu
cd "$(dirname "$0")/.."
. fuzz/engines.sh
fuzz/seeds.sh
make -s -j"$(nproc)" FLAVOUR=fuzz fuzz-bench
make -s -j"$(nproc)" FLAVOUR=clang build/clang/bench_fuzz_device
build/fuzz/bench_fuzz_blk fuzz-blk build/corpus/blk "${1:-2}"
build/fuzz/bench_fuzz_device fuzz-device build/corpus/device "${1:-2}" 256
build/clang/bench_fuzz_device fuzz-device-plain build/corpus/device "${1:-2}" 256
make -s -j"$(nproc)" FLAVOUR=afl build/afl/fuzz_device build/afl/mutator.so
work=$(mktemp -d /dev/shm/ringside-bench.XXXXXX 2>/dev/null || mktemp -d)
trap 'rm -rf "$work"' EXIT
afl_environment device "$(max_len_of device)"
(pinned 1 afl-fuzz -s 1 -V 5 -G "$(max_len_of device)" -x fuzz/ops.dict "${afl_options[@]}" -i build/corpus/device -o "$work" -- build/afl/fuzz_device) >"$work/log" 2>&1 ||
	{ tail -n 5 "$work/log" >&2; exit 1; }
awk '$1 == "execs_per_sec" { printf "bench fuzz-device-afl-runs %.0f runs/s\n", $3 }' "$work/default/fuzzer_stats"

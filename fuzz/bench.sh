#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/bench.sh [SECONDS]: how fast fuzz targets run the kept programs, oracles on, in processor time of one core. Prints
# `bench fuzz-blk-requests VALUE requests/s` and `bench fuzz-blk-runs VALUE runs/s`; fuzz-device: of all devices, programs of at
# most 256 bytes; fuzz-device-plain: the same without sanitizers and counters.
set -eu
cd "$(dirname "$0")/.."
fuzz/seeds.sh
make -s -j"$(nproc)" FLAVOUR=fuzz fuzz-bench
make -s -j"$(nproc)" FLAVOUR=clang build/clang/bench_fuzz_device
build/fuzz/bench_fuzz_blk fuzz-blk build/corpus/blk "${1:-2}"
build/fuzz/bench_fuzz_device fuzz-device build/corpus/device "${1:-2}" 256
build/clang/bench_fuzz_device fuzz-device-plain build/corpus/device "${1:-2}" 256

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/bench.sh: how fast the sanitized fuzz target runs the kept programs, oracles on, in processor time of one core. Prints
# `bench fuzz-blk-requests VALUE requests/s` and `bench fuzz-blk-runs VALUE runs/s`.
set -eu
cd "$(dirname "$0")/.."
fuzz/seeds.sh
make -s -j"$(nproc)" FLAVOUR=fuzz build/fuzz/bench_fuzz_blk
build/fuzz/bench_fuzz_blk fuzz-blk build/corpus/blk "${1:-2}"

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make bench: prints lines `bench NAME VALUE UNIT`. Machines are shared and noisy: figures to compare with each other come from the
# same run (split-3desc and split-3desc-raw take turns in one process), each is a median.
set -eu
cd "$(dirname "$0")/../.."
make -s -j"$(nproc)" benches
make -s -j"$(nproc)" FLAVOUR=clang benches
make -s -j"$(nproc)" FLAVOUR=fuzz fuzz-bench
echo "bench: $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg); gcc -O2 unless said otherwise"
build/plain/bench_ring
build/clang/bench_ring | sed 's/^bench \([^ ]*\)/bench \1-clang/'
build/plain/bench_sim
build/plain/bench_record
build/plain/bench_replay corpus/traces/debian-boot.vtrace
build/plain/bench_replay corpus/traces/debian-boot-packed.vtrace | sed 's/^bench replay/&-packed/'
fuzz/bench.sh

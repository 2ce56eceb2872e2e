#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make demo: what Ringside is, in about two minutes, with the numbers printed as it goes.
set -eu
cd "$(dirname "$0")/.."
say() { printf '\n\033[1m%s\033[0m\n' "$1"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$1"; }
start=$SECONDS

say "1. Building: one libcore.a, linked by the VMM, the simulator and the fuzzers"
make -s -j"$(nproc)" all
say "2. A boot of a Debian kernel that was recorded once, replayed without the guest"
for trace in corpus/traces/*.vtrace; do
	build/plain/ringside replay "$trace"
done
say "3. The same device code under a fuzzer for 20 s: ASan, UBSan and the oracles on"
fuzz/run.sh libfuzzer blk 20
say "4. A stock Debian kernel boots on these devices; its console, then the replay of what it did"
tests/boot/run.sh --demo
say "Done in $((SECONDS - start)) s. Next: README.md, make test, make fuzz, build/plain/ringside --help"

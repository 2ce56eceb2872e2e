#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/seeds.sh: assembles what is kept in corpus/ into build/corpus/ (fuzz/seeds.c), and prints nothing when all is well.
#   SEEDS=PROGRAM   that program, where it is built already
set -eu
cd "$(dirname "$0")/.."
[ -n "${SEEDS:-}" ] || make -s -j"$(nproc)" build/plain/seeds
mkdir -p build
"${SEEDS:-build/plain/seeds}" corpus build/corpus

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/seeds.sh: assembles the kept programs, corpus/{blk,rng}/*.txt, into build/corpus/{blk,rng}/, one seed for each. They are
# kept as text, so that a later op can not change what an old input means. Prints nothing when all is well.
set -eu
cd "$(dirname "$0")/.."
ringside=build/plain/ringside
[ -x $ringside ] || make -s -j"$(nproc)" $ringside
for kind in blk rng; do
	mkdir -p build/corpus/$kind
	for text in corpus/$kind/*.txt; do
		seed=build/corpus/$kind/$(basename "$text" .txt)
		[ "$seed" -nt "$text" ] && [ "$seed" -nt $ringside ] || $ringside assemble "$text" -o "$seed"
	done
	for seed in build/corpus/$kind/*; do # what was renamed or removed
		[ -e "corpus/$kind/$(basename "$seed").txt" ] || rm -f "$seed"
	done
done

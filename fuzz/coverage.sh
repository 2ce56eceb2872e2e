#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/coverage.sh [FILE]: what the kept programs reach of core/, lines and branches, as a table; with FILE, that source
# annotated. Status 1 when one of the files that the corpus answers for is reached by less than 95 % of its lines.
set -eu
cd "$(dirname "$0")/.."
work=build/cov/profile
mkdir -p $work
fuzz/seeds.sh
make -s -j"$(nproc)" FLAVOUR=cov corpus-player
tool() { command -v "$1" || command -v "$1-14" || { echo "coverage: no $1: apt-get install llvm" >&2; exit 2; }; }
profdata=$(tool llvm-profdata) cov=$(tool llvm-cov)
rm -f $work/*
objects=()
for seeds in build/corpus/*/; do
	kind=$(basename "$seeds")
	LLVM_PROFILE_FILE=$work/$kind.profraw "build/cov/replay_$kind" "build/corpus/$kind"
	[ ${#objects[@]} = 0 ] || objects+=(-object)
	objects+=("build/cov/replay_$kind")
done
"$profdata" merge -o $work/all.profdata $work/*.profraw
objects+=("-instr-profile=$work/all.profdata")
if [ $# -gt 0 ]; then
	"$cov" show "${objects[@]}" "$@"
	exit
fi
mapfile -t files < <(printf '%s\n' core/*.c core/devices/*.c core/transport/*.c)
"$cov" report "${objects[@]}" "${files[@]}" | awk '
	$1 ~ /\.c$/ { printf "%-28s %6d lines %7.2f %%   %6d branches %7.2f %%\n", $1, $8, $10, $11, $13 }'
low=$("$cov" report "${objects[@]}" core/devices/blk.c core/devices/rng.c core/transport/mmio.c \
	core/vdev.c core/vq_order.c core/vq_packed.c core/vq_split.c |
	awk '$1 ~ /\.c$/ && $10 + 0 < 95 { print $1, $10 }')
if [ -n "$low" ]; then
	echo "FAIL coverage: below 95 % of the lines: $low"
	exit 1
fi
echo "PASS coverage: blk.c, rng.c, mmio.c, vdev.c, vq_order.c, vq_packed.c, vq_split.c are reached by 95 % of their lines or more"

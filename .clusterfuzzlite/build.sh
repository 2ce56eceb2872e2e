#!/bin/bash -eu
# SPDX-License-Identifier: BSD-2-Clause
# Builds all fuzz targets as ClusterFuzzLite and OSS-Fuzz ask for them. They set:
#   CC CXX CFLAGS         the compilers, and the flags of the sanitizer and of the engine's counters
#   LIB_FUZZING_ENGINE    what to link with
#   FUZZING_ENGINE        libfuzzer or afl; SANITIZER: address, undefined, memory or coverage
#   OUT WORK              where the targets go; where to build
# For each target it leaves in OUT: fuzz_NAME, fuzz_NAME_seed_corpus.zip, fuzz_NAME.options and fuzz_NAME.dict.
# fuzz_canary, which has a bug, only comes where CANARY is set, with the disk's seeds.
# It runs without Docker too: tests/e2e/services.sh does that.
cd "$(dirname "$(readlink -f "$0")")"
[ -e Makefile ] || cd ..
[ -e Makefile ] || cd "$SRC/ringside"
. fuzz/engines.sh
build=$WORK/build
: "${CXX:=clang++}" "${LIB_FUZZING_ENGINE:=-fsanitize=fuzzer}" "${SANITIZER:=address}" "${FUZZING_ENGINE:=libfuzzer}"

# Only core/ is counted: what the harness does is no progress. For a coverage report all of it is built alike.
counters="-fsanitize=fuzzer-no-link"
harness=${CFLAGS//$counters/}
[ "$harness" != "$CFLAGS" ] && core=$counters || core=
# The services' machines have no libzstd; what is linked in must be in the file.
zstd=-lzstd
for dir in /usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu; do
	[ ! -e $dir/libzstd.a ] || zstd=$dir/libzstd.a
done
# The mutator of programs is libFuzzer's; AFL++ loads it another way (fuzz/afl_mutator.c), which the services do not know of.
[ "$FUZZING_ENGINE" = libfuzzer ] && programs=$(printf '%s ' "$build"/oss/fuzz/{libfuzzer,mutate,invent,wild}.o) || programs=

# Of the simulator no target has the commands, and what only they need: that is not built (a third of all).
programs_only='main|cli|clauses|page|pack|proto|loose|narrate|program_text|listing|simrecord|textfile|trace(file|writer)|sim_(jobs|tell)|(cmd|export)_.*|(follow|lift|replay|shrink|trial|triage).*'
mapfile -t sim < <(printf '%s\n' sim-frontend/*.c | grep -vE "/($programs_only)\.c$")

targets=()
for source in fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	[ "$name" != fuzz_canary ] || [ -n "${CANARY:-}" ] || continue
	targets+=("$build/oss/$name")
done
make -s -j"$(nproc)" FLAVOUR=oss BUILD="$build" WARN=-std=gnu11 CC_oss="$CC" CF_oss="$harness" CORE_oss="$core" LD_oss="$CXX" ZSTD="$zstd" \
	sim_src="${sim[*]}" fuzz_main_oss="$build/oss/fuzz/target.o" fuzz_link_oss="$LIB_FUZZING_ENGINE" fuzz_programs="$programs" "${targets[@]}"

# The kept programs are text; `seeds`, built without any of that, assembles them. (SEEDS: one that is there already.)
[ -n "${SEEDS:-}" ] || env -u CFLAGS -u CXXFLAGS make -s -j"$(nproc)" FLAVOUR=seeds BUILD="$build" WARN=-std=gnu11 CC_seeds=clang CF_seeds=-O1 ZSTD="$zstd" "$build/seeds/seeds"
SEEDS=${SEEDS:-$build/seeds/seeds} fuzz/seeds.sh
for target in "${targets[@]}"; do
	name=$(basename "$target") kind=${target##*/fuzz_}
	cp "$target" "$OUT/"
	rm -f "$OUT/${name}_seed_corpus.zip"
	seeds=$kind
	[ "$kind" != canary ] || seeds=blk
	(cd "build/corpus/$seeds" && zip -q -r "$OUT/${name}_seed_corpus.zip" .)
	cp "$(dict_of "$kind")" "$OUT/$name.dict"
	printf '[libfuzzer]\nmax_len = %s\nlen_control = 0\ntimeout = 10\n' "$(max_len_of "$kind")" >"$OUT/$name.options"
done

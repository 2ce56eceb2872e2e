#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The build of the fuzzing services (.clusterfuzzlite/build.sh) without Docker, with the environment that they set: each target
# lands with its seeds and options, runs its seeds, and finds a bug that is planted in a copy of the tree.
# Prints `PASS name` or `FAIL name: why`. SERVICES="engine-sanitizer ..." chooses; all of them: SERVICES=all.
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=services-
. tests/report.sh
top=$PWD
all="libfuzzer-address libfuzzer-undefined libfuzzer-memory libfuzzer-coverage afl-address"
services=${SERVICES:-libfuzzer-address}
[ "$services" != all ] || services=$all

flags() { # SANITIZER: as the services' own
	case $1 in
	address) echo "-O1 -fno-omit-frame-pointer -gline-tables-only -fsanitize=address -fsanitize-address-use-after-scope -fsanitize=fuzzer-no-link" ;;
	undefined) echo "-O1 -fno-omit-frame-pointer -gline-tables-only -fsanitize=array-bounds,bool,builtin,enum,function,integer-divide-by-zero,null,object-size,return,returns-nonnull-attribute,shift,signed-integer-overflow,unreachable,vla-bound,vptr -fno-sanitize-recover=array-bounds,bool,builtin,enum,function,integer-divide-by-zero,null,object-size,return,returns-nonnull-attribute,shift,signed-integer-overflow,unreachable,vla-bound,vptr -fsanitize=fuzzer-no-link" ;;
	memory) echo "-O1 -fno-omit-frame-pointer -gline-tables-only -fsanitize=memory -fsanitize-memory-track-origins -fsanitize=fuzzer-no-link" ;;
	coverage) echo "-O1 -fno-omit-frame-pointer -gline-tables-only -fprofile-instr-generate -fcoverage-mapping" ;;
	esac
}
build() { # TREE SERVICE: into $work/SERVICE
	local engine=${2%-*} sanitizer=${2#*-} cc=clang cxx=clang++ lib=-fsanitize=fuzzer
	[ "$engine" != afl ] || cc=afl-clang-fast cxx=afl-clang-fast++ lib=/usr/lib/afl/libAFLDriver.a
	rm -rf "${work:?}/$2"
	mkdir -p "$work/$2" "$work/build-$2"
	(cd "$1" && env AFL_QUIET=1 SRC="$work" OUT="$work/$2" WORK="$work/build-$2" CC=$cc CXX=$cxx CFLAGS="$(flags "$sanitizer")" \
		CXXFLAGS="$(flags "$sanitizer")" LIB_FUZZING_ENGINE=$lib FUZZING_ENGINE="$engine" SANITIZER="$sanitizer" ARCHITECTURE=x86_64 \
		.clusterfuzzlite/build.sh >"$work/$2.log" 2>&1)
}
run_seeds() { # SERVICE TARGET: each seed once
	local seeds=$work/seeds-$2
	rm -rf "$seeds"
	mkdir -p "$seeds"
	unzip -q "$work/$1/$2_seed_corpus.zip" -d "$seeds" || return 1
	case $1 in
	afl-*) find "$seeds" -type f -size +0 | head -n 20 | while read -r f; do "$work/$1/$2" <"$f" || exit 1; done ;;
	*) (cd "$work" && LLVM_PROFILE_FILE=$work/profile "$work/$1/$2" -runs=0 "$seeds") ;;
	esac >"$work/run.log" 2>&1
}
for service in $services; do
	if ! build "$top" "$service"; then
		fail "$service-builds" "$(tail -n 2 "$work/$service.log" | tr '\n' ' ')"
		continue
	fi
	pass "$service-builds"
	bad=
	for source in fuzz/fuzz_*.c; do
		name=$(basename "$source" .c)
		for file in "$name" "${name}_seed_corpus.zip" "$name.options"; do
			[ -s "$work/$service/$file" ] || bad+=" no $file"
		done
		run_seeds "$service" "$name" || bad+=" $name: $(grep -aE 'ERROR|ORACLE|WARNING' "$work/run.log" | head -n 1)"
	done
	if [ -z "$bad" ]; then pass "$service-targets"; else fail "$service-targets" "$bad"; fi
done

# A late completion, as in tests/e2e/fuzz.sh: what a service would tell of it.
first=${services%% *}
mkdir -p "$work/tree"
cp -a .clusterfuzzlite Makefile core sim-frontend kvm-frontend fuzz corpus tests "$work/tree/"
sed -i 's/used_len(r->write_len, stored)/used_len(r->write_len, io->len ? r->write_len - 1 : 0)/' "$work/tree/core/devices/blk.c"
if cmp -s core/devices/blk.c "$work/tree/core/devices/blk.c"; then
	fail planted "the bug does not apply to blk.c any more"
elif ! build "$work/tree" "$first"; then
	fail planted "it does not build: $(tail -n 2 "$work/$first.log" | tr '\n' ' ')"
elif run_seeds "$first" fuzz_blk; then
	fail planted "the seeds do not show it"
elif grep -aq 'ORACLE used-ring' "$work/run.log"; then
	pass "planted: $(grep -aoE 'ORACLE used-ring[^:]*' "$work/run.log" | head -n 1)"
else
	fail planted "$(tail -n 3 "$work/run.log" | tr '\n' ' ')"
fi
exit $failures

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The build of the fuzzing services without Docker, with the environment that they set: each target lands with its seeds, words and
# options, and runs its seeds with them; fuzz_canary's show its bug. It begins with OSS-Fuzz's build.sh (fuzz/oss-fuzz/), where its image puts
# that, which is all that ClusterFuzzLite's (.clusterfuzzlite/) is; what else the two folders say must be the same.
# Prints `PASS name` or `FAIL name: why`. SERVICES="engine-sanitizer ..." chooses, SERVICES=all: all. Where it is given all is as the services
# have it; else, in make test, `seeds` is taken that is there already, and all but the first are compiled with -O0, in half the time.
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=services-
. tests/report.sh
all="libfuzzer-address libfuzzer-undefined libfuzzer-memory libfuzzer-coverage afl-address"
services=${SERVICES:-all}
[ "$services" != all ] || services=$all
[ -n "${SERVICES:-}" ] || { make -s build/plain/seeds && export SEEDS=$PWD/build/plain/seeds; }

flags() { # SANITIZER: as the services' own
	case $1 in
	address) echo "-O1 -fno-omit-frame-pointer -gline-tables-only -fsanitize=address -fsanitize-address-use-after-scope -fsanitize=fuzzer-no-link" ;;
	undefined) echo "-O1 -fno-omit-frame-pointer -gline-tables-only -fsanitize=array-bounds,bool,builtin,enum,function,integer-divide-by-zero,null,object-size,return,returns-nonnull-attribute,shift,signed-integer-overflow,unreachable,vla-bound,vptr -fno-sanitize-recover=array-bounds,bool,builtin,enum,function,integer-divide-by-zero,null,object-size,return,returns-nonnull-attribute,shift,signed-integer-overflow,unreachable,vla-bound,vptr -fsanitize=fuzzer-no-link" ;;
	memory) echo "-O1 -fno-omit-frame-pointer -gline-tables-only -fsanitize=memory -fsanitize-memory-track-origins -fsanitize=fuzzer-no-link" ;;
	coverage) echo "-O1 -fno-omit-frame-pointer -gline-tables-only -fprofile-instr-generate -fcoverage-mapping" ;;
	esac
}
build() { # SERVICE: into $work/SERVICE
	local engine=${1%-*} sanitizer=${1#*-} cc=clang cxx=clang++ lib=-fsanitize=fuzzer flags
	flags=$(flags "$sanitizer")
	[ -n "${SERVICES:-}" ] || [ "$1" = libfuzzer-address ] || flags=${flags/-O1/-O0}
	[ "$engine" != afl ] || cc=afl-clang-fast cxx=afl-clang-fast++ lib=/usr/lib/afl/libAFLDriver.a
	rm -rf "${work:?}/$1"
	mkdir -p "$work/$1" "$work/build-$1"
	(env AFL_QUIET=1 AFL_DONT_OPTIMIZE=1 CANARY=1 SRC="$work" OUT="$work/$1" WORK="$work/build-$1" CC=$cc CXX=$cxx CFLAGS="$flags" \
		CXXFLAGS="$flags" LIB_FUZZING_ENGINE=$lib FUZZING_ENGINE="$engine" SANITIZER="$sanitizer" ARCHITECTURE=x86_64 \
		"$work/build.sh" >"$work/$1.log" 2>&1)
}
run_seeds() { # SERVICE TARGET: each seed once, with the words and the options that lie beside it
	local seeds=$work/seeds-$2 options
	mapfile -t options < <(sed -n 's/^\([a-z_]*\) = \(.*\)/-\1=\2/p' "$work/$1/$2.options")
	rm -rf "$seeds"
	mkdir -p "$seeds"
	unzip -q "$work/$1/$2_seed_corpus.zip" -d "$seeds" || return 1
	# Unoptimised, one in eight, and fuzz_canary's all: the others show that such a target runs, not what it finds.
	[ -n "${SERVICES:-}" ] || [ "$1" = libfuzzer-address ] || [ "$2" = fuzz_canary ] || find "$seeds" -type f | sort | sed '1~8d' | tr '\n' '\0' | xargs -0 rm -f --
	case $1 in
	afl-*) find "$seeds" -type f -size +0 -print0 | xargs -0 "$work/$1/$2" ;;
	*) (cd "$work" && LLVM_PROFILE_FILE=$work/profile "$work/$1/$2" -runs=0 "${options[@]}" -dict="$work/$1/$2.dict" "$seeds") ;;
	esac >"$work/run.log" 2>&1
}
part() { sed -n "/^$2:/,/^[^ ]*:/p" "$1/project.yaml" | grep '^  - '; } # FOLDER LIST
differ=
for list in fuzzing_engines sanitizers; do
	[ "$(part .clusterfuzzlite $list)" = "$(part fuzz/oss-fuzz $list)" ] || differ+=" $list"
done
for line in FROM 'RUN apt-get' WORKDIR; do
	[ "$(grep "^$line" .clusterfuzzlite/Dockerfile)" = "$(grep "^$line" fuzz/oss-fuzz/Dockerfile)" ] || differ+=" $line"
done
for key in homepage main_repo primary_contact language; do
	grep -q "^$key: ." fuzz/oss-fuzz/project.yaml || differ+=" no $key"
done
# The image is chosen by project.yaml, else it is an older system; a workflow's action finds that file only where it has been checked out.
for folder in .clusterfuzzlite fuzz/oss-fuzz; do
	system=$(sed -n 's/^base_os_version: //p' $folder/project.yaml)
	[ -n "$system" ] && grep -q "^FROM .*/base-builder:$system$" $folder/Dockerfile || differ+=" base_os_version and FROM of $folder"
done
for workflow in .github/workflows/cflite_*.yml; do
	[ "$(grep -A 2 '^    steps:' "$workflow" | grep -c 'actions/checkout@')" = "$(grep -c '^    steps:' "$workflow")" ] || differ+=" no checkout first in $workflow"
done
if [ -z "$differ" ]; then pass same-projects; else fail same-projects "what must agree in .clusterfuzzlite/, fuzz/oss-fuzz/ and the workflows does not:$differ"; fi
missing=
while read -r op; do
	grep -q "=\"blk0 $op \"" fuzz/trace.dict || missing+=" $op"
done < <(sed -n 's/^OP([^"]*"\([a-z_]*\)".*/\1/p' core/trace/ops.def)
if [ -z "$missing" ]; then pass words-of-ops; else fail words-of-ops "fuzz/trace.dict has no word for:$missing"; fi
ln -s "$PWD" "$work/ringside"
cp fuzz/oss-fuzz/build.sh "$work/build.sh"
for service in $services; do
	if ! build "$service"; then
		fail "$service-builds" "$(tail -n 2 "$work/$service.log" | tr '\n' ' ')"
		continue
	fi
	pass "$service-builds"
	bad=
	for source in fuzz/fuzz_*.c; do
		name=$(basename "$source" .c)
		[ "$name" != fuzz_canary ] || continue
		for file in "$name" "${name}_seed_corpus.zip" "$name.options" "$name.dict"; do
			[ -s "$work/$service/$file" ] || bad+=" no $file"
		done
		run_seeds "$service" "$name" || bad+=" $name: $(grep -aE 'ERROR|ORACLE|WARNING' "$work/run.log" | head -n 1)"
	done
	if [ -z "$bad" ]; then pass "$service-targets"; else fail "$service-targets" "$bad"; fi
	# fuzz_canary has a bug: what a service would tell of it.
	if [ ! -s "$work/$service/fuzz_canary" ]; then
		fail "$service-canary" "it is not there"
	elif run_seeds "$service" fuzz_canary; then
		fail "$service-canary" "the seeds do not show it"
	elif grep -aq 'ORACLE backend' "$work/run.log"; then
		pass "$service-canary: $(grep -aoE 'ORACLE backend[^:]*' "$work/run.log" | head -n 1)"
	else
		fail "$service-canary" "$(tail -n 3 "$work/run.log" | tr '\n' ' ')"
	fi
	rm -rf "${work:?}/build-$service"
done

exit $failures

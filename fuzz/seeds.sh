#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/seeds.sh: assembles what is kept in corpus/TARGET/ into build/corpus/TARGET/, one seed for each file, and prints nothing
# when all is well. They are kept as text, so that a later op can not change what an old input means.
#   NAME.txt    a program (docs/program-text.md); in corpus/trace any text, for the reader of lines; in corpus/snapshot two
#               programs, and between them lines `state 337=05,00 # what`: the state that the device saved then is damaged at that byte
#   NAME.hex    bytes: two hex digits each, `00*16` for many of one, `#` begins a comment
# fuzz_device gets the programs of all four devices, each behind the byte that tells its machine (sim-frontend/machine_byte.h); of its
# own, in corpus/device, the byte is made from the device lines.
# fuzz_trace also gets the text of some programs, and the beginnings of the kept traces, each behind the byte that names its reader;
# fuzz_snapshot short programs, with two patches between the program and itself.
set -eu
cd "$(dirname "$0")/.."
ringside=${RINGSIDE:-build/plain/ringside}
[ -x $ringside ] || make -s -j"$(nproc)" $ringside

bytes_of() { # FILE.hex
	printf '%b' "$(awk '{
		sub(/#.*/, "")
		for (i = 1; i <= NF; i++) {
			n = split($i, word, "*") > 1 ? word[2] : 1
			while (n-- > 0) printf "\\x%s", word[1]
		}
	}' "$1")"
}

damaged() { # FILE SEED: for fuzz_snapshot
	local work device what n m
	work=$(mktemp -d)
	device=$(sed -n 's/^device \([a-z]*\)0$/\1/p' "$1")
	case $device in blk) what=0 ;; rng) what=1 ;; console) what=2 ;; net) what=3 ;; *) echo "seeds: $1: no device line" >&2 && exit 2 ;; esac
	case $1 in *packed*) what=$((what + 16)) ;; esac
	sed '/^state/,$d' "$1" >"$work/before.txt"
	{ echo "device ${device}0" && sed '1,/^state/d; /^state/d' "$1"; } >"$work/after.txt"
	$ringside assemble "$work/before.txt" -o "$work/before"
	$ringside assemble "$work/after.txt" -o "$work/after"
	sed -n 's/#.*//; s/^state//p' "$1" | awk '{
		for (i = 1; i <= NF; i++) {
			n = split($i, part, /[=,]/)
			for (j = 2; j <= n; j++) {
				at = part[1] + j - 2
				printf "\\x%02x\\x%02x\\x%s", at % 256, at / 256, part[j]
			}
		}
	}' >"$work/state"
	n=$(stat -c %s "$work/before") m=$(($(stat -c %s "$work/state") / 12))
	if [ "$n" -gt 255 ] || [ "$m" -gt 255 ]; then echo "seeds: $1: $n bytes of program or $m of a state are more than 255" >&2 && exit 2; fi
	printf -v what '\\x%02x\\x%02x' "$what" "$n"
	printf -v m '\\x%02x' "$m"
	{ printf '%b' "$what" && cat "$work/before" && printf '%b' "$m$(cat "$work/state")" && cat "$work/after"; } >"$2"
	rm -r "$work"
}

assemble() { # FILE SEED
	case $1 in
	corpus/trace/*.txt) { printf '\004' && cat "$1"; } >"$2" ;;
	corpus/snapshot/*.txt) damaged "$1" "$2" ;;
	corpus/device/*.txt) $ringside assemble --machine-byte "$1" -o "$2" ;;
	*.txt) $ringside assemble "$1" -o "$2" ;;
	*.hex) bytes_of "$1" >"$2" ;;
	esac
}

for from in corpus/*/; do
	kind=$(basename "$from")
	[ -e "fuzz/fuzz_$kind.c" ] || continue
	mkdir -p "build/corpus/$kind"
	for text in "$from"*.txt "$from"*.hex; do
		[ -e "$text" ] || continue
		seed=build/corpus/$kind/${text##*/}
		seed=${seed%.*}
		if [ "$text" -nt "$seed" ] || [ $ringside -nt "$seed" ]; then assemble "$text" "$seed"; fi
	done
	for seed in "build/corpus/$kind"/*; do # what was renamed or removed; KIND-NAME is made of another kind's, below
		name=${seed##*/}
		[ -e "$from$name.txt" ] || [ -e "$from$name.hex" ] || [ -e "build/corpus/${name/-//}" ] || rm -f "$seed"
	done
done
mkdir -p build/corpus/device
for kind in 0-blk 1-rng 2-net 3-console; do
	for program in build/corpus/"${kind#*-}"/*; do
		seed=build/corpus/device/${kind#*-}-${program##*/}
		[ ! "$program" -nt "$seed" ] || { printf '%b' "\\x0${kind%-*}" && cat "$program"; } >"$seed"
	done
done
for text in corpus/blk/[a-f]*.txt corpus/blk/h*.txt corpus/frozen/*.txt; do
	[ -e "$text" ] || continue
	{ printf '\004' && head -c 1000 "$text"; } >"build/corpus/trace/text-$(basename "${text%.txt}")"
done
find build/corpus/{blk,rng,console,net} -type f -size -121c -printf '%s %p\n' | while read -r n program; do
	name=${program#build/corpus/}
	seed=build/corpus/snapshot/${name/\//-}
	case $name in */grown-*) continue ;; esac # they are there for another target
	[ "$program" -nt "$seed" ] || continue
	case $program in *rng/*) what=1 ;; *console/*) what=2 ;; *net/*) what=3 ;; *) what=0 ;; esac
	case $program in *packed*) what=$((what + 16)) ;; esac
	printf -v head '\\x%02x\\x%02x' $what "$n"
	{ printf '%b' "$head" && cat "$program" && printf '\002\000\002\001\200\000\377' && cat "$program"; } >"$seed"
done
for trace in corpus/{traces,frozen}/*.vtrace; do
	{ printf '\000' && head -c 2000 "$trace"; } >"build/corpus/trace/begin-$(basename "${trace%.vtrace}")"
done

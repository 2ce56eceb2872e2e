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
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -x "$ringside" ] || make -s -j"$(nproc)" "$ringside"

from_hex() { # FILE...: one process for all of them
	awk '
		FNR == 1 { printf "%s%s ", (NR > 1 ? "\n" : ""), FILENAME }
		{
			sub(/#.*/, "")
			for (i = 1; i <= NF; i++) {
				n = split($i, word, "*") > 1 ? word[2] : 1
				while (n-- > 0) printf "\\x%s", word[1]
			}
		}
		END { printf "\n" }' "$@" | while read -r file bytes; do
		file=build/${file%.*}
		printf '%b' "$bytes" >"$file"
	done
}

damaged() { # FILE SEED: for fuzz_snapshot
	local line part at byte n device='' what before='' state='' after='' to=before
	while IFS= read -r line; do
		case $line in
		'#'*) ;;
		device\ *) device=${line#device } ;;
		state\ *)
			to=after line=${line%%#*}
			for part in ${line#state}; do
				at=${part%%=*} part=${part#*=}
				for byte in ${part//,/ }; do
					printf -v byte '\\x%02x\\x%02x\\x%s' $((at % 256)) $((at / 256)) "$byte"
					state+=$byte at=$((at + 1))
				done
			done
			;;
		*) printf -v $to '%s%s\n' "${!to}" "$line" ;;
		esac
	done <"$1"
	case $device in blk0) what=0 ;; rng0) what=1 ;; console0) what=2 ;; net0) what=3 ;; *) echo "seeds: $1: no device line" >&2 && exit 2 ;; esac
	case $1 in *packed*) what=$((what + 16)) ;; esac
	printf 'device %s\n%s' "$device" "$before" >"$work/text"
	"$ringside" assemble "$work/text" -o "$work/before"
	printf 'device %s\n%s' "$device" "$after" >"$work/text"
	"$ringside" assemble "$work/text" -o "$work/after"
	n=$(stat -c %s "$work/before")
	if [ "$n" -gt 255 ] || [ ${#state} -gt $((255 * 12)) ]; then
		echo "seeds: $1: $n bytes of program or $((${#state} / 12)) of a state are more than 255" >&2 && exit 2
	fi
	printf -v what '\\x%02x\\x%02x' "$what" "$n"
	printf -v state '\\x%02x%s' $((${#state} / 12)) "$state"
	{ printf '%b' "$what" && cat "$work/before" && printf '%b' "$state" && cat "$work/after"; } >"$2"
}

assemble() { # FILE SEED
	case $1 in
	corpus/trace/*.txt) { printf '\004' && cat "$1"; } >"$2" ;;
	corpus/snapshot/*.txt) damaged "$1" "$2" ;;
	corpus/device/*.txt) "$ringside" assemble --machine-byte "$1" -o "$2" ;;
	*.txt) "$ringside" assemble "$1" -o "$2" ;;
	esac
}

for from in corpus/*/; do
	kind=$(basename "$from")
	[ -e "fuzz/fuzz_$kind.c" ] || continue
	mkdir -p "build/corpus/$kind"
	hex=()
	for text in "$from"*.hex; do
		[ ! "$text" -nt "build/${text%.*}" ] || hex+=("$text")
	done
	[ ${#hex[@]} = 0 ] || from_hex "${hex[@]}"
	for text in "$from"*.txt; do
		[ -e "$text" ] || continue
		seed=build/${text%.*}
		if [ "$text" -nt "$seed" ] || [ "$ringside" -nt "$seed" ]; then assemble "$text" "$seed"; fi
	done
	for seed in "build/corpus/$kind"/*; do # what was renamed or removed; KIND-NAME is made of another kind's, below
		name=${seed##*/}
		case $kind/$name in trace/text-* | trace/begin-*) continue ;; esac
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
	seed=build/corpus/trace/text-${text##*/}
	seed=${seed%.txt}
	[ ! "$text" -nt "$seed" ] || { printf '\004' && head -c 1000 "$text"; } >"$seed"
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
	seed=build/corpus/trace/begin-${trace##*/}
	seed=${seed%.vtrace}
	[ ! "$trace" -nt "$seed" ] || { printf '\000' && head -c 2000 "$trace"; } >"$seed"
done

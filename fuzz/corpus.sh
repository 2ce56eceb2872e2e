#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/corpus.sh min [TARGET...]       keeps of what fuzzing here found (build/grown/TARGET; GROWN=DIRECTORY: of that) what reaches code of
#                                      core that nothing kept does, as text in corpus/TARGET/, and drops what adds nothing any more
# fuzz/corpus.sh add FILE TARGET [NAME]  keeps one program, a fuzzer's bytes or a text, as corpus/TARGET/NAME; NAME: of its bytes, found-HASH
#                                      RING=packed: of a run with that; the device's first op says so then
# The rule: what `min` writes is called grown-HASH, and it drops nothing else. Who gives a program another name keeps it for what it is.
set -eu
cd "$(dirname "$0")/.."
. fuzz/engines.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
usage() { sed -n 's/^# \(fuzz\/corpus.sh\)/usage: \1/p' "$0" >&2; exit 2; }
known() { [ -e "fuzz/fuzz_$1.c" ] || { echo "corpus: no target $1: TARGET is one of$(printf ' %s' fuzz/fuzz_*.c | sed 's|fuzz/fuzz_||g; s|\.c||g')" >&2; exit 2; }; }

suffix() { if is_program "$1"; then echo txt; else echo hex; fi; }
as_text() { # TARGET FILE: how a file of it is kept
	if [ "$(suffix "$1")" = hex ]; then
		od -An -v -tx1 -w24 "$2" | sed 's/^ //'
	elif [ "$1" = device ]; then # the first byte tells its devices
		build/plain/ringside show --program --device device "$2"
	else
		build/plain/ringside show --program --one-device --device "$1" "$2"
	fi
}
hash_of() { sha1sum <"$1" | cut -c1-10; }

# libFuzzer leaves out what fails, and says so at most; but it was kept because it did not fail, and is no reason to drop anything.
failing() { # TARGET GROWN: ends it where a program failed
	local find name file
	sed -n 's|^artifact_prefix=.*; Test unit written to ||p' "$work/log" >"$work/failing"
	[ -s "$work/failing" ] || return 0
	while read -r find; do
		name=$(sha1sum "$work"/{kept,more}/* | grep -m1 "^${find##*-}" | sed 's|.*/||')
		file=build/corpus/$1/$name
		[ -e "$file" ] || file=$2/$name
		echo "corpus: $1: $file fails: build/fuzz/fuzz_$1 -timeout=10 $find" >&2
	done <"$work/failing"
	echo "corpus: $1: nothing was changed; fix that first" >&2
	exit 1
}

min_one() { # TARGET
	local target=$1 grown=${GROWN:-build/grown/$1} finds=build/finds/$1 n=0 dropped=0 text seed name
	make -s -j"$(nproc)" FLAVOUR=fuzz "build/fuzz/fuzz_$target"
	rm -rf "$work/kept" "$work/more"
	mkdir -p "$work/kept" "$work/more" "$finds"
	for seed in "build/corpus/$target"/*; do
		case $(basename "$seed") in grown-*) cp "$seed" "$work/more" ;; *) cp "$seed" "$work/kept" ;; esac
	done
	find "$work/kept" -type f -printf '%f\n' | sort >"$work/before"
	[ ! -d "$grown" ] || find "$grown" -type f -exec cp -t "$work/more" {} +
	# Edges, not how often: else a loop's every length is a reason. What is shortest goes first.
	"build/fuzz/fuzz_$target" -merge=1 -use_counters=0 -use_cmp=0 -timeout=10 -detect_leaks=0 -artifact_prefix="$finds/" \
		"$work/kept" "$work/more" >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; exit 1; }
	failing "$target" "$grown"
	find "$work/kept" -type f -printf '%f\n' | sort | comm -13 "$work/before" - >"$work/new"
	: >"$work/names"
	while read -r seed; do
		name=corpus/$target/grown-$(hash_of "$work/kept/$seed").$(suffix "$target")
		echo "$name" >>"$work/names"
		[ -e "$name" ] || n=$((n + 1))
		as_text "$target" "$work/kept/$seed" >"$name"
	done <"$work/new"
	for text in "corpus/$target"/grown-*; do
		if [ -e "$text" ] && ! grep -qxF "$text" "$work/names"; then
			rm "$text"
			dropped=$((dropped + 1))
		fi
	done
	echo "corpus: $target: $n more, $dropped dropped; $(find "corpus/$target" -type f | wc -l) files, $(du -bs "corpus/$target" | cut -f1) bytes"
}

add() { # FILE TARGET [NAME]
	local file=$1 target=$2 name=${3:-} to ext
	known "$target"
	ext=$(suffix "$target")
	case $target/$file in trace/*.txt | snapshot/*.txt) ext=txt ;; esac # texts of their own kinds (seeds.c)
	[ -r "$file" ] || { echo "corpus: cannot read $file" >&2; exit 2; }
	case $file in
	*.txt | *.hex) cp "$file" "$work/text" ;;
	*) as_text "$target" "$file" | if [ -z "${RING:-}" ] || [ "$ext" = hex ]; then cat; else sed "1a ${target}0 offer features=0x400000000"; fi >"$work/text" ;;
	esac
	[ "$ext" = hex ] || [ "$target" = trace ] || [ "$target" = snapshot ] || build/plain/ringside assemble "$work/text" -o "$work/seed"
	to=corpus/$target/${name:-found-$(hash_of "$work/text")}.$ext
	[ ! -e "$to" ] || { echo "corpus: $to is there already" >&2; exit 2; }
	cp "$work/text" "$to"
	echo "corpus: kept as $to; call it what it shows, and say so in its first line (# ...)"
}

case ${1:-} in
min)
	shift
	[ $# -gt 0 ] || mapfile -t all < <(printf '%s\n' fuzz/fuzz_*.c | sed 's|fuzz/fuzz_||; s|\.c||')
	make -s -j"$(nproc)" build/plain/ringside && fuzz/seeds.sh
	for target in "${@:-${all[@]}}"; do
		known "$target"
		[ ! -d "corpus/$target" ] || min_one "$target"
	done
	fuzz/seeds.sh
	echo "corpus: $(du -bs corpus | cut -f1) bytes in all, of 10 MiB"
	;;
add)
	if [ $# -lt 3 ] || [ -z "$2" ] || [ -z "$3" ]; then usage; fi
	make -s -j"$(nproc)" build/plain/ringside
	add "$2" "$3" "${4:-}"
	;;
*) usage ;;
esac

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/bugs/plant.sh NAME...: builds `ringside` with one planted bug each, as build/bugs/NAME; NAME is that of a patch in
# fuzz/bugs/, or clean-FLAVOUR for the tree as it is. All of it happens in a copy of the tree, build/bugs/tree; what is built
# there is kept, so that a bug costs the compilation of what it touches. Says FAIL and why where a patch does not apply or
# build; status 1 then.
#   ENGINE=fuzz|afl   builds the fuzz target of the bug's device instead, in that flavour, as build/bugs/fuzz/NAME or build/bugs/afl/NAME
#                     (clean-TARGET: of the tree as it is). The device is that of the bug's kept program in corpus/bugs/,
#                     but where the patch names a target: `fuzz: differential`.
#                     What MSan alone sees is built with it for libFuzzer: flavour msanfuzz.
set -u
cd "$(dirname "$0")/../.." || exit 2
tree=build/bugs/tree
engine=${ENGINE:-}
failed=0

# The copy is made as the tree is. A file that is right stays untouched, so that it is newer than nothing but what was built
# from it; one that a bug was in is newer than what was built with the bug.
prepare() {
	local f
	mkdir -p $tree
	[ ! -d $tree/core ] || (cd $tree && find core sim-frontend fuzz -type f) | while read -r f; do
		[ -e "$f" ] || rm -f "$tree/$f"
	done
	find core sim-frontend fuzz -type d -printf "$tree/%p\0" | xargs -0 mkdir -p
	find core sim-frontend fuzz Makefile -type f | while read -r f; do
		if [ ! -e "$tree/$f" ]; then
			cp -p "$f" "$tree/$f"
		elif ! cmp -s "$f" "$tree/$f"; then
			cp "$f" "$tree/$f"
		fi
	done
	cp -p fuzz/canary.[ch] $tree/core/
}
seed() { # FLAVOUR: what `make all` has built need not be built again
	[ -d $tree/build/"$1" ] || [ ! -d build/"$1"/sim-frontend ] || {
		mkdir -p $tree/build/"$1"
		cp -a build/"$1"/core build/"$1"/sim-frontend $tree/build/"$1"/
	}
}
build() { # FLAVOUR NAME
	[ -z "$engine" ] || { build_target "$2" "$([ "$1" = msan ] && [ "$engine" = fuzz ] && echo msanfuzz || echo "$engine")"; return; }
	seed "$1"
	if make -s -j"$(nproc)" -C $tree FLAVOUR="$1" I_core='-Icore -include core/canary.h' build/"$1"/ringside >&2; then
		cp $tree/build/"$1"/ringside build/bugs/"$2"
	else
		echo "FAIL bug-$2: does not build in $tree"
		failed=1
	fi
}
build_target() { # NAME FLAVOUR
	local target
	case $1 in
	clean-*) target=${1#clean-} ;;
	*) target=$(sed -n 's/^fuzz: //p' fuzz/bugs/"$1".patch)
		[ -n "$target" ] || target=$(sed -n 's/^\([a-z]*\)[0-9][0-9]* .*/\1/p' corpus/bugs/"$1".txt | head -n 1) ;;
	esac
	mkdir -p "build/bugs/$engine"
	seed "$2"
	if make -s -j"$(nproc)" -C $tree FLAVOUR="$2" I_core='-Icore -include core/canary.h' "build/$2/fuzz_$target" >&2; then
		cp "$tree/build/$2/fuzz_$target" "build/bugs/$engine/$1"
		echo "$target" >"build/bugs/$engine/$1.target"
	else
		echo "FAIL bug-$1: fuzz_$target does not build in $tree"
		failed=1
	fi
}
plant() { # NAME
	local patch=fuzz/bugs/$1.patch
	if ! patch -s -p1 -F0 --dry-run -d $tree <"$patch" >&2; then
		echo "FAIL bug-$1: $patch does not apply any more"
		failed=1
		return
	fi
	patch -s -p1 -F0 -d $tree <"$patch" >&2
	build "$(sed -n 's/^build: //p' "$patch")" "$1"
	patch -s -R -p1 -F0 -d $tree <"$patch" >&2
	sed -n "s|^+++ b/|$tree/|p" "$patch" | xargs touch
}

prepare
for name in "$@"; do
	rm -f build/bugs/"${engine:+$engine/}$name"
	case $name in
	clean-*) build "${name#clean-}" "$name" ;;
	*) plant "$name" ;;
	esac
done
exit $failed

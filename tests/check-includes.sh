#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Who may include whom (core <- sim-frontend <- fuzz, core <- kvm-frontend, fuzz may use kvm-frontend/boot; tests may include
# anything):
#
#   tests/check-includes.sh [ROOT]
#
# A quoted name must be a file of a folder that the includer may use, found from that folder's root, with no ".." in it. core
# includes, besides itself, only freestanding C headers, <string.h> for its four memory functions, and <linux/*.h>.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2
failed=0

# The folders whose files each folder may name: as in the -I flags of the Makefile.
allowed() {
	case $1 in
	core) echo core ;;
	sim-frontend) echo core sim-frontend ;;
	kvm-frontend/boot) echo kvm-frontend/boot kvm-frontend ;; # pure functions: not even core
	kvm-frontend) echo core kvm-frontend ;;
	fuzz) echo core sim-frontend kvm-frontend/boot kvm-frontend fuzz ;;
	tests) echo . core sim-frontend kvm-frontend kvm-frontend/boot fuzz ;;
	esac
}

# fuzz sees kvm-frontend for names like "boot/acpi.h" only.
reaches() { # folder, header
	local dir
	for dir in $(allowed "$1"); do
		[ "$1/$dir" != fuzz/kvm-frontend ] || [[ $2 == boot/* ]] || continue
		[ "$1/$dir" != kvm-frontend/boot/kvm-frontend ] || [[ $2 == boot/* ]] || continue
		[ -f "$dir/$2" ] && return 0
	done
	return 1
}

freestanding='float iso646 limits stdalign stdarg stdbool stddef stdint stdnoreturn string'

check_file() { # folder, file
	local kind name
	while read -r kind name; do
		if [[ $name == *..* ]]; then
			echo "$2 includes $name: no .."
		elif [ "$kind" = '"' ]; then
			reaches "$1" "$name" || echo "$2 includes \"$name\", which $1 may not use (or there is no such file)"
		elif [ "$1" = core ] && [[ $name != linux/*.h && " $freestanding " != *" ${name%.h} "* ]]; then
			echo "$2 includes <$name>: not freestanding"
		elif [[ $name == core/* || $name == *-frontend/* || $name == fuzz/* ]]; then
			echo "$2 includes <$name>: our own headers are quoted"
		fi
	done < <(sed -nE 's/^[ \t]*#[ \t]*include[ \t]*(["<])([^">]*)[">].*/\1 \2/p' "$2")
	# A name made by a macro would escape the check.
	grep -nE '^[ \t]*#[ \t]*include[ \t]*[^"< \t]' "$2" | sed "s|^|$2: computed include: |"
}

for folder in core sim-frontend kvm-frontend/boot kvm-frontend fuzz tests; do
	bad=$(find "$folder" -name '*.[ch]' -o -name '*.def' -o -name '*.S' -o -name '*.inc' 2>/dev/null | sort | while read -r file; do
		[ "$folder" = kvm-frontend ] && [[ $file == kvm-frontend/boot/* ]] && continue
		check_file "$folder" "$file"
	done)
	if [ -z "$bad" ]; then
		echo "PASS includes-$folder"
	else
		echo "FAIL includes-$folder: $(echo "$bad" | head -n 20 | paste -sd';')"
		failed=1
	fi
done
exit $failed

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Purity of core, judged by what the compiler made of it.
#
#   tests/check-core.sh LIBCORE.a...
#
# No writable static or thread-local data, and no symbol from outside but memcpy, memmove, memset and memcmp. What
# sanitizers and counters add to an archive does not count.
set -u
[ $# -gt 0 ] || { echo "usage: tests/check-core.sh LIBCORE.a..." >&2; exit 2; }

# What sanitizers and counters add. No function of the C library is among them (__assert_fail, __errno_location ...).
made_data='^(__|\\.|asan\\.|sancov\\.)'
made_undefined='^(__(asan|ubsan|msan|sancov|sanitizer|start___sancov|stop___sancov|llvm_profile|afl|cmplog)_|_GLOBAL_OFFSET_TABLE_$)'
failed=0

verdict() { # name, offending lines
	if [ -z "$2" ]; then
		echo "PASS $1"
	else
		echo "FAIL $1: $(echo "$2" | tr '\n' ' ')"
		failed=1
	fi
}

for lib in "$@"; do
	name=core-$(basename "$(dirname "$lib")")
	if ! nm "$lib" >/dev/null 2>&1 || [ -z "$(nm "$lib" 2>/dev/null)" ]; then
		echo "FAIL $name: $lib is no archive with symbols"
		failed=1
		continue
	fi
	# Symbols in .data, .bss, common, .tdata or .tbss; .data.rel.ro holds const tables of pointers, read-only once loaded.
	verdict "$name-no-static-data" "$(objdump -t "$lib" | sed -nE 's/^[0-9a-f]+ .{7} (\S+)\t[0-9a-f]+ +(\.hidden +)?/\1 /p' |
		awk -v made="$made_data" '$1 ~ /^(\.(data|bss|tdata|tbss|sdata|sbss|ldata|lbss)|\*COM\*)/ && $1 !~ /^\.data\.rel\.ro/ &&
			$2 !~ made {print $2 "(" $1 ")"}' | sort -u)"
	defined=$(nm --defined-only "$lib" | awk 'NF == 3 {print $3}' | sort -u)
	verdict "$name-self-contained" "$(nm -u "$lib" | awk -v made="$made_undefined" '$1 == "U" && $2 !~ made {print $2}' | sort -u |
		grep -vxE 'memcpy|memmove|memset|memcmp' | comm -23 - <(echo "$defined"))"
done
exit $failed

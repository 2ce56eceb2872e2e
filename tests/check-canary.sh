#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The checks themselves: each violation is planted in a copy of the tree, and the check that is made for it must cry, and
# must not cry without it. A check that cannot fail is worth nothing.
#
#   tests/check-canary.sh
set -u
cd "$(dirname "$0")/.." || exit 2
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

mkdir "$work/tree" "$work/lib"
cp -r core sim-frontend kvm-frontend fuzz tests "$work/tree/"

expect() { # what, check that must fail, what it must name, command...
	local what=$1 check=$2 culprit=$3
	shift 3
	if "$@" 2>&1 | grep -q "^FAIL $check:.*$culprit"; then
		echo "PASS canary-$what"
	else
		echo "FAIL canary-$what: $check does not see it"
		failed=1
	fi
}

plant() { # what, check, file, text, script: the text is added to the file in the copy
	printf '%s\n' "$4" >>"$work/tree/$3"
	expect "$1" "$2" "$3" "$root/tests/$5" "$work/tree"
	rm "$work/tree/$3"
	[ ! -f "$3" ] || cp "$3" "$work/tree/$3"
}

plant include-up includes-core core/vq.c '#include "../core/vmem.h"' check-includes.sh
plant include-stdio includes-core core/vq.c '#include <stdio.h>' check-includes.sh
plant include-frontend includes-core core/vq.c '#include "load.h"' check-includes.sh
plant include-other-frontend includes-sim-frontend sim-frontend/main.c '#include "load.h"' check-includes.sh
plant include-vmm-in-fuzz includes-fuzz fuzz/canary.c '#include "load.h"' check-includes.sh
plant include-core-in-boot includes-kvm-frontend/boot kvm-frontend/boot/acpi.c '#include "vdev.h"' check-includes.sh
plant include-by-macro includes-core core/vq.c '#include CANARY' check-includes.sh
plant long-function style-function-length core/vq.c "$(printf '{\n'; yes ';' | head -n 59; printf '}\n')" check-style.sh
plant long-file style-file-length core/vq.c "$(yes '/* */' | head -n 500)" check-style.sh
plant long-target style-file-length fuzz/fuzz_rng.c "$(yes '/* */' | head -n 99)" check-style.sh
plant assert style-core-words core/vq.c 'assert(0);' check-style.sh
plant malloc style-core-words core/devices/blk.c '	p = malloc(3);' check-style.sh
plant thread style-no-threads sim-frontend/main.c 'static _Thread_local int x;' check-style.sh
sed -i 1d "$work/tree/core/vq.h"
expect no-spdx style-spdx core/vq.h "$root/tests/check-style.sh" "$work/tree"

library() { # C text: an archive of it
	rm -f "$work/lib/"*
	printf '%s\n' "$1" | "${CC:-gcc}" -O1 -x c -c -o "$work/lib/canary.o" - && ar rcs "$work/lib/libcore.a" "$work/lib/canary.o"
}

impure() { # what, check, C text
	library "$3"
	expect "$1" "core-lib-$2" '' "$root/tests/check-core.sh" "$work/lib/libcore.a"
}

impure data no-static-data 'int *f(void) { static int x = 1; return &x; }'
impure bss no-static-data 'static int x[100]; int *f(void) { return x; }'
impure common no-static-data 'int x __attribute__((common)); int *f(void) { return &x; }'
impure thread-local no-static-data '_Thread_local int x; int *f(void) { return &x; }'
impure undefined self-contained 'void abort(void); void f(void) { abort(); }'
impure libc-assert self-contained 'void __assert_fail(void); void f(void) { __assert_fail(); }'
impure errno self-contained 'int *__errno_location(void); int f(void) { return *__errno_location(); }'

# And the pure one passes: const tables of pointers, calls inside, the four memory functions.
library '#include <string.h>
static const char *const names[] = {"a", "b"}; const char *g(int i) { return names[i]; }
void f(char *p, int n) { memcpy(p, g(n), (size_t)n); }'
if "$root/tests/check-core.sh" "$work/lib/libcore.a" >"$work/out"; then
	echo "PASS canary-pure"
else
	echo "FAIL canary-pure: $(cat "$work/out")"
	failed=1
fi
exit $failed

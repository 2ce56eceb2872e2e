#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make flood-test: 256 MiB through user networking and 8 MiB through the console at once, with a cable that is pulled again and again
# and a terminal that stands still (inside/flood.sh). Prints PASS and FAIL lines; status 0 when all passed.
#   flood.sh [MIB]     other than 256
set -eu
. "$(dirname "$0")/lib.sh"
out=$cache/flood
"$here/kernel.sh"
"$here/initramfs.sh"
status=0
"$here/machine.sh" --out "$out" --timeout 1800 --memory 3072 --file "$here/inside/lib.sh" --file "$cache/kernel/vmlinuz" \
	--file "$cache/guest.cpio" --prog "$bin/ringside-vmm" --prog "$cache/drive" --prog "$cache/wire" "$here/inside/flood.sh" "$@" || status=$?
verdicts "$out" "$status" flood
cat "$out/told" 2>/dev/null || true
finish

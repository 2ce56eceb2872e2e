#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make debian-test: an unmodified Debian (image.sh) boots under ringside-vmm from its disk, with its own kernel and initrd, to a login
# on hvc0; the network is up, no unit has failed, a file comes by HTTP from the host, and it shuts down in order. What its devices did
# is recorded and replayed. Prints a PASS or FAIL line for each check; status 0 when all passed.
set -eu
cd "$(dirname "$0")/../.."
. tests/boot/lib.sh
here=$top/tests/boot
tests/debian/image.sh
"$here/kernel.sh"
"$here/initramfs.sh"
out=$top/build/debian/out
begun=$SECONDS status=0
"$here/machine.sh" --out "$out" --timeout 2400 --memory 3072 --file "$here/inside/lib.sh" --image build/debian/root.img \
	--file build/debian/vmlinuz --file build/debian/initrd.img --prog "$bin/ringside-vmm" --prog "$cache/drive" --prog e2fsck \
	tests/debian/inside.sh || status=$?
verdicts "$out" "$status" debian
if [ -s "$out/debian.vtrace" ] && "$bin/ringside" replay "$out/debian.vtrace"; then
	pass debian-replay
else
	fail debian-replay "the trace does not replay: $(ls -l "$out/debian.vtrace" 2>&1)"
fi
echo "debian-test: $((SECONDS - begun)) s"
finish

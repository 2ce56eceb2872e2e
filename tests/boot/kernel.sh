#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Fetches Debian's stock cloud kernel (the package behind linux-image-cloud-amd64) and unpacks it into build/boot/kernel:
# vmlinuz, lib/modules, release. Nothing is installed and root is not needed. Does nothing when it is there;
# remove build/boot/kernel to get the newest one.
set -eu
. "$(dirname "$0")/lib.sh"
[ -s "$cache/kernel/release" ] && exit 0
need apt-get
need dpkg-deb

work=$cache/kernel.part
rm -rf "$work"
mkdir -p "$work/unpacked"
cd "$work"
# as root, apt would warn that its own unprivileged user cannot write here
opts=(-q)
[ "$(id -u)" != 0 ] || opts+=(-o APT::Sandbox::User=root)

fetch() {
	local package
	package=$(apt-cache "${opts[@]}" show linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^Depends: \(linux-image-[^ ,]*-cloud-amd64\).*/\1/p' | head -n 1)
	[ -n "$package" ] && apt-get "${opts[@]}" download "$package" >fetch.log 2>&1
}
# Package lists may be absent or older than the archive; then fetch lists of our own, which needs no root either.
if ! fetch; then
	mkdir -p state/lists/partial apt-cache/archives/partial
	opts+=(-o "Dir::State::lists=$work/state/lists" -o "Dir::Cache=$work/apt-cache")
	if ! apt-get "${opts[@]}" update >update.log 2>&1 || ! fetch; then
		cat update.log fetch.log 2>/dev/null | tail -n 10 >&2
		die "cannot fetch Debian's linux-image-cloud-amd64 with apt-get download; is there a network, and a Debian source in apt's list?"
	fi
fi
dpkg-deb -x linux-image-*.deb unpacked || die "cannot unpack $(echo linux-image-*.deb)"
vmlinuz=$(echo unpacked/boot/vmlinuz-*)
mkdir -p new
mv "$vmlinuz" new/vmlinuz
mv unpacked/lib new/
echo "${vmlinuz##*/vmlinuz-}" >new/release
rm -rf "$cache/kernel"
mv new "$cache/kernel"
cd "$cache"
rm -rf "$work"
echo "boot-test: fetched the stock kernel $(cat kernel/release)"

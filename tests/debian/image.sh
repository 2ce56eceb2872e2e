#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds an unmodified Debian into build/debian, when it is not there: root.img, an ext4 file system without a partition table; and
# the kernel and initrd that its own packages have made in it, vmlinuz and initrd.img. Remove build/debian to get a new one.
# What we set, as anybody would who installs it: root's password, the host's name, a login on hvc0, DHCP on the network card.
set -eu
cd "$(dirname "$0")/../.."
cache=build/debian
[ -s $cache/root.img ] && exit 0
die() { echo "debian-test: $*" >&2; exit 1; }
if [ "$(id -u)" != 0 ]; then
	sudo -n true 2>/dev/null || die "only root can make a Debian root file system (debootstrap); run this once as root: $0"
	exec sudo -n "$0"
fi
command -v debootstrap >/dev/null || die "debootstrap is missing; tests/deps.sh debian installs it"

suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
# where this machine gets its own packages from, if that is the same Debian
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
	awk -v s="$suite" '$2 == s && $3 == "main" { print $1; exit }')
root=$cache/root
rm -rf $cache
mkdir -p $cache
trap 'rm -rf $root' EXIT
echo "debian-test: making a root file system of Debian's packages ($suite); some minutes"
begun=$SECONDS
debootstrap --variant=minbase --include=systemd-sysv,udev,kmod,initramfs-tools,linux-image-cloud-amd64,iproute2,wget \
	"$suite" $root $mirror >$cache/debootstrap.log 2>&1 </dev/null ||
	{ tail -n 20 $cache/debootstrap.log $root/debootstrap/debootstrap.log >&2 2>/dev/null; die "debootstrap failed"; }

in_root() { chroot $root /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
echo 'root:ringside' | in_root chpasswd
echo ringside >$root/etc/hostname
echo '127.0.0.1 localhost ringside' >$root/etc/hosts
echo '/dev/vda / ext4 defaults 0 1' >$root/etc/fstab
printf '[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\n' >$root/etc/systemd/network/80-dhcp.network
in_root systemctl -q enable serial-getty@hvc0.service systemd-networkd.service 2>>$cache/debootstrap.log
rm -rf $root/var/cache/apt/archives/*.deb $root/var/lib/apt/lists/*

cp $root/boot/vmlinuz-* $cache/vmlinuz
cp $root/boot/initrd.img-* $cache/initrd.img
echo $root/boot/vmlinuz-* | sed 's/.*vmlinuz-//' >$cache/release
kib=$(du -sk $root | cut -f 1)
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L root -d $root $cache/root.img.part $((kib * 5 / 4 + 65536))k
[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:$SUDO_GID" $cache
mv $cache/root.img.part $cache/root.img
echo "debian-test: $(cat $cache/release), $((kib / 1024)) MiB of files, initrd $(($(stat -c %s $cache/initrd.img) >> 20)) MiB, made in $((SECONDS - begun)) s"

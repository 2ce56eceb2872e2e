#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The dependency step: installs what a bare Debian 12 lacks for one target, and nothing else.
#
#   tests/deps.sh test|bench|fuzz|boot|debian|lint|all
#
# Status 0: all there (quick: one dpkg-query). Otherwise installs with apt-get, as root or through `sudo -n`;
# where neither is possible it prints the exact command and ends with status 1.
set -u

build="gcc clang make patch libc6-dev linux-libc-dev libclang-rt-14-dev llvm libcmocka-dev libzstd-dev zlib1g-dev liburing-dev libslirp-dev libseccomp-dev acpica-tools"
viewers="chromium tshark"
zips="zip unzip"
machine="qemu-system-x86 busybox-static e2fsprogs util-linux lz4"

case ${1:-} in
# Without /dev/kvm the tiny guest of `make test` runs in the nested machine.
test) want="$build afl++ $viewers $zips"; [ -r /dev/kvm ] && [ -w /dev/kvm ] || want="$want $machine" ;;
bench) want=$build ;;
fuzz) want="$build afl++" ;;
boot) want="$build $machine" ;;
debian) want="$build $machine debootstrap" ;;
lint) want="$build clang-tidy clang-format cppcheck shellcheck" ;;
all) want="$build $viewers $zips $machine debootstrap afl++ clang-tidy clang-format cppcheck shellcheck" ;;
*) echo "usage: tests/deps.sh test|bench|fuzz|boot|debian|lint|all" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo "deps: not a Debian system, so nothing is installed; these packages must be there by other means: $want"
	exit 0
fi
there=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $want 2>/dev/null)
missing=
for p in $want; do
	case $'\n'$there$'\n' in *$'\n'"installed $p"$'\n'*) ;; *) missing="$missing $p" ;; esac
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
	as_root="env"
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	as_root="sudo -n env"
else
	echo "deps: $(echo $missing | wc -w) packages are missing and only root can install them; run:"
	echo "  apt-get update && apt-get install -y --no-install-recommends$missing"
	exit 1
fi

mkdir -p build || exit 1
apt="$as_root DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300"
start=$SECONDS
printf 'deps: installing%s ... ' "$missing"
# An unreachable third-party source fails the update but not what we need: let the installation be the judge.
$apt update >build/deps.log 2>&1 </dev/null
if $apt install --no-install-recommends $missing >>build/deps.log 2>&1 </dev/null; then
	echo "done in $((SECONDS - start)) s"
else
	echo "FAILED; the end of build/deps.log:"
	tail -n 20 build/deps.log
	exit 1
fi

# SPDX-License-Identifier: BSD-2-Clause
# ringside.mode=console: a shell on hvc0, and a port called `talk` whose every line is answered; read by guest-init.sh.
name=console
present /dev/hvc0
port=
for f in /sys/class/virtio-ports/*/name; do
	if [ "$(cat "$f" 2>/dev/null)" = talk ]; then port=${f%/name} port=/dev/${port##*/}; fi
done
[ -n "$port" ] || fail "no port is called talk"
present "$port"
(
	exec 3<>"$port"
	while :; do
		while read -r line <&3; do echo "the guest heard $line" >&3; done
		usleep 200000
	done
) &
ok
for port in /dev/vport*p2; do echo "the guest was here" >"$port"; done
PS1='hvc0# ' HOME=/tmp setsid sh -c 'exec sh -i </dev/hvc0 >/dev/hvc0 2>&1'
echo RINGSIDE-BOOT-OK
off "$end"

# SPDX-License-Identifier: BSD-2-Clause
# ringside.mode=console: a shell on hvc0, a port called `talk` whose every line is answered, and one called `log` that gets a line;
# read by guest-init.sh.
name=console
present /dev/hvc0

# sets $port to that port's device: its name comes later than the port
find_port() {
	n=0 port=
	while [ -z "$port" ]; do
		for f in /sys/class/virtio-ports/*/name; do
			if [ "$(cat "$f" 2>/dev/null)" = "$1" ]; then port=${f%/name} port=/dev/${port##*/}; fi
		done
		n=$((n + 1))
		[ $n -lt 100 ] || fail "no port is called $1 after 5 s"
		[ -n "$port" ] || usleep 50000
	done
	present "$port"
}
find_port talk
# the port may go, and come again
(
	while :; do
		for f in /sys/class/virtio-ports/*/name; do
			[ "$(cat "$f" 2>/dev/null)" = talk ] || continue
			port=${f%/name} port=/dev/${port##*/}
			[ -e "$port" ] && exec 3<>"$port" || continue
			while [ -e "$port" ]; do # open also while nobody is at the other end: what comes as it is closed, Linux throws away
				while read -r line <&3; do echo "the guest heard $line" >&3; done
				usleep 100000
			done
			exec 3<&-
		done
		usleep 200000
	done
) 2>/dev/null &
ok
find_port log
echo "the guest was here" >"$port"
PS1='hvc0# ' HOME=/tmp setsid sh -c 'exec sh -i </dev/hvc0 >/dev/hvc0 2>&1'
echo RINGSIDE-BOOT-OK
off "$end"

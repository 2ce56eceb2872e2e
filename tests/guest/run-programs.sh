# SPDX-License-Identifier: BSD-2-Clause
# Runs programs on a vCPU (ringside-vmm --guest-program). For sh and busybox sh, started by tests/boot/machine.sh: recordings in
# $IN/programs, ringside-vmm in the PATH, works in $OUT. A name that begins with bad- must differ, refused- must be refused.
failures=0
pass() { echo "PASS guest-program-$1"; }
fail() { echo "FAIL guest-program-$1: $2"; failures=1; }

good=0 # one line for all of them: they are many
for f in "$IN"/programs/*; do
	name=${f##*/}
	name=${name%.*}
	timeout 60 ringside-vmm --guest-program "$f" >"$OUT/$name.out" 2>"$OUT/$name.err" </dev/null
	status=$?
	case $name in
	bad-*)
		if [ $status = 1 ] && grep -q '^DIFFERS' "$OUT/$name.out"; then pass "$name"; else fail "$name" "status $status, no difference"; fi ;;
	refused-*)
		if [ $status = 2 ] && [ "$(wc -l <"$OUT/$name.err")" = 1 ] && [ ! -s "$OUT/$name.out" ]; then
			pass "$name"
		else
			fail "$name" "status $status instead of 2 and one line: $(cat "$OUT/$name.err")"
		fi ;;
	*)
		if [ $status = 0 ] && tail -n 1 "$OUT/$name.out" | grep -q 'outputs as in the simulator$'; then
			good=$((good + 1))
		else
			fail "$name" "status $status: $(tail -n 4 "$OUT/$name.out" "$OUT/$name.err" | tr '\n' ' ')"
		fi ;;
	esac
done
if [ $good -ge "$1" ]; then pass "same: $good programs did on a vCPU what they did in the simulator"; else fail same "$good of $1"; fi
exit $failures

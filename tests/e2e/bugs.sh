#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The planted bugs (fuzz/bugs/): every patch applies and builds, and where corpus/bugs/ has a program for it, that program is
# silent on our tree and shows the bug in the planted one, by the oracle that
# its first line names. Prints `PASS name` or
# `FAIL name: why`.
set -u
cd "$(dirname "$0")/../.." || exit 1
failures=0
pass() { echo "PASS bug-$1"; }
fail() { echo "FAIL bug-$1: $2"; failures=1; }

show() { # NAME BINARY: what its program shows there: an oracle's name, crash, or nothing
	local out status=0
	out=$(timeout 20 "$2" run --quiet corpus/bugs/"$1".txt 2>&1) || status=$?
	if grep -aq '^VIOLATION' <<<"$out"; then
		sed -n 's/^VIOLATION \([a-z-]*\).*/\1/p' <<<"$out"
	elif [ $status != 0 ]; then
		echo crash
	fi
}
names=$(cd fuzz/bugs && for patch in *.patch; do [ "$(sed -n 's/^build: //p' "$patch")" = msan ] || echo "${patch%.patch}"; done)
planted=$(fuzz/bugs/plant.sh clean-plain clean-asan $names 2>/dev/null)
[ -z "$planted" ] || { echo "$planted"; failures=1; }
for name in $names; do
	[ -x build/bugs/"$name" ] || continue
	build=$(sed -n 's/^build: //p' fuzz/bugs/"$name".patch) want=$(sed -n '1s/^# \([a-z-]*\).*/\1/p' corpus/bugs/"$name".txt 2>/dev/null)
	if [ ! -e corpus/bugs/"$name".txt ]; then
		pass "$name builds"
		continue
	fi
	shown=$(show "$name" build/bugs/"$name") clean=$(show "$name" build/bugs/clean-"$build")
	if [ -n "$clean" ]; then
		fail "$name" "its program shows $clean without the bug"
	elif [ "$shown" != "$want" ]; then
		fail "$name" "its program shows ${shown:-nothing}, not $want"
	else
		pass "$name shown by $want"
	fi
done 2>/dev/null
exit $failures

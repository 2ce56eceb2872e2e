#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the scripts of tests/e2e/, from the root of the tree: how they report, and a directory to work in that goes when
# they end. `prefix`, set before, stands in front of each name; a script ends with `exit $failures`.
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pass() { echo "PASS $prefix$1"; }
fail() { echo "FAIL $prefix$1: $2"; failures=1; }
# refused_by NAME WORDS COMMAND...: one line on standard error in which WORDS (a pattern) stand, nothing on standard output,
# status 2.
refused_by() {
	local name=$1 words=$2 out status=0
	shift 2
	out=$("$@" 2>"$work/err" </dev/null) || status=$?
	if [ $status = 2 ] && [ -z "$out" ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -qe "$words" "$work/err"; then
		pass "$name"
	else
		fail "$name" "status $status, \"$(cat "$work/err")\" instead of one line with \"$words\""
	fi
}

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sim-frontend/clauses.def and the rest of the tree agree:
#
#   tests/check-clauses.sh [ROOT]
#
# Each test that it names is there and is run; each clause that an oracle or an offence names stands in it, as checked where
# an oracle does; and each that stands there as checked is named by an oracle, or the row says as what it is cried. What can be seen without reading sources is in tests/unit/test_clauses.c.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2

table=sim-frontend/clauses.def
failed=0
verdict() { # name, offending lines
	if [ -z "$2" ]; then
		echo "PASS $1"
	else
		echo "FAIL $1: $(echo "$2" | head -n 20 | paste -sd';')"
		failed=1
	fi
}

# FILE:TEST wherever it stands in a row, also in a reason.
named=$(grep -E '^CLAUSE\(' $table | grep -oE '\b[a-z0-9_]+:[a-z0-9_]+\b' | sort -u)
[ -n "$named" ] || { echo "FAIL clauses-tests: no test is named in $table"; exit 1; }
verdict clauses-tests "$(
	while IFS=: read -r file test; do
		source=tests/unit/test_$file.c
		if [ ! -f "$source" ]; then
			echo "$file:$test: there is no $source"
		elif ! grep -qE "^static void $test\(void \*\*" "$source"; then
			echo "$file:$test: no such test in $source"
		elif ! grep -qE "^[[:space:]].*\b[A-Za-z_]+\(${test}[,)]" "$source"; then
			echo "$file:$test: $source does not run it"
		fi
	done <<<"$named"
)"

# What looks like a clause's id, as a string of its own.
verdict clauses-named "$(
	grep -noE '"(drv\.)?[a-z]+(\.[a-z]+)*\.[0-9]+"' core/offence.def sim-frontend/*.c | tr -d '"' |
		while IFS=: read -r file line id; do
			grep -qE "^(DRIVER_)?CLAUSE\(\"${id//./\\.}\"," $table || echo "$file:$line: $id is not in $table"
		done
)"
# Who judges a clause at run time, says so in the table.
verdict clauses-checked "$(
	grep -noE '"[a-z]+(\.[a-z]+)*\.[0-9]+"' sim-frontend/oracle*.c | grep -v '"drv\.' | tr -d '"' |
		while IFS=: read -r file line id; do
			grep -qE "^CLAUSE\(\"${id//./\\.}\", .* CHECKED, " $table || echo "$file:$line: $id is judged here, and $table does not say CHECKED"
		done
)"
# And the other way round.
cried=$'\n'$(grep -ohE '"[a-z]+(\.[a-z]+)*\.[0-9]+"' sim-frontend/oracle*.c | tr -d '"' | sort -u)$'\n'
verdict clauses-cried "$(
	sed -nE 's/^CLAUSE\("([^"]*)".* CHECKED, "([^"]*)".*/\1 \2/p' $table |
		while read -r id by; do
			as=
			[[ $by =~ as=([^ ]+) ]] && as=${BASH_REMATCH[1]}
			if [[ $cried == *$'\n'$id$'\n'* ]]; then
				[ -z "$as" ] || echo "$id: an oracle cries it, so as=$as is wrong"
			elif [ -z "$as" ]; then
				echo "$id: no oracle cries it: say as=ID, or as=none, or that it is TESTED"
			elif [ "$as" != none ] && [[ $cried != *$'\n'$as$'\n'* ]]; then
				echo "$id: no oracle cries $as"
			fi
		done
)"
exit $failed

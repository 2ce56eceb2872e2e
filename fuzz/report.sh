#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/report.sh TARGET LOG GROWN: what a run of a fuzzer did, as one HTML page on standard output (fuzz/run.sh: REPORT=FILE).
# From the run's log: runs a second, requests a second (where the target tells them), edges of core and programs kept, over time; the
# findings; and what the programs, kept and grown, reach of core's files. The page needs nothing else and no script.
set -eu
cd "$(dirname "$0")/.."
target=$1 log=$2 grown=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/all"
find "build/corpus/$target" "$grown" -type f 2>/dev/null | head -n 20000 | xargs -r cp -t "$work/all" --
fuzz/coverage.sh --of "$target" "$work/all" all >"$work/core.table"
# shellcheck disable=SC2016
awk -v target="$target" -v date="$(date -u '+%F %H:%M UTC')" -v commit="$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" '
	function text(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); return s }
	function chart(title, unit, v, n,    i, most, line) {
		most = 1
		for (i = 1; i <= n; i++) if (v[i] > most) most = v[i]
		for (i = 1; i <= n; i++) line = line sprintf("%.1f,%.1f ", 640 * time[i] / time[n], 150 - 140 * v[i] / most)
		printf "<figure><figcaption>%s: %d %s at the end, %d at most</figcaption>\n", title, v[n], unit, most
		printf "<svg viewBox=\"0 0 640 160\" role=\"img\" aria-label=\"%s over time\"><path d=\"M0 10H640M0 150H640\"/><polyline points=\"%s\"/></svg>\n", title, line
		printf "<p class=axis><span>0 s</span><span>%d s</span></p></figure>\n", time[n]
	}
	FILENAME ~ /\.table$/ { table[++rows] = $0; next }
	/^#[0-9]/ { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "corp:") corp = $(i + 1) + 0 } }
	/^progress:/ { n++; time[n] = $2; rate[n] = $6 + 0; requests[n] = $8 + 0; edges[n] = cov; programs[n] = corp }
	/^report:/ { sub("^report: ", ""); told = $0 }
	/^ORACLE|: runtime error:|ERROR: / { found[++finds] = $0 }
	END {
		print "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>fuzz_" target "</title>"
		print "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em}svg{width:100%;height:auto}"
		print "polyline{fill:none;stroke:#06c;stroke-width:2}path{stroke:#ccc}.axis{display:flex;justify-content:space-between;margin:0;color:#555}"
		print "table{border-collapse:collapse}td,th{padding:.1em .8em;text-align:right}td:first-child,th:first-child{text-align:left}figure{margin:1.5em 0}</style>"
		printf "<h1>fuzz_%s</h1><p>%s, commit %s</p>\n<p>%s</p>\n", target, date, commit, text(told ? told : "the run ended before its report")
		print "<h2>Findings</h2>"
		if (!finds) print "<p>None.</p>"
		for (i = 1; i <= finds; i++) printf "<pre>%s</pre>\n", text(found[i])
		print "<h2>Over time</h2>"
		if (n < 2) print "<p>The run was too short for a curve.</p>"
		else {
			chart("Runs", "runs/s", rate, n)
			if (requests[n]) chart("Requests", "requests/s", requests, n)
			chart("Reached", "edges of core", edges, n)
			chart("Kept", "programs", programs, n)
		}
		print "<h2>Reached of core/</h2><table><tr><th>file<th>lines<th>reached<th>branches<th>reached</tr>"
		for (i = 1; i <= rows; i++) {
			split(table[i], f, " ")
			printf "<tr><td>%s<td>%d<td>%.2f %%<td>%d<td>%.2f %%</tr>\n", text(f[1]), f[2], f[4], f[6], f[8]
		}
		print "</table></html>"
	}' "$log" "$work/core.table"

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Who may include whom (core <- sim-frontend <- fuzz, core <- kvm-frontend, fuzz may use kvm-frontend/boot; tests may include
# anything):
#
#   tests/check-includes.sh [ROOT]
#
# A quoted name must be a file of a folder that the includer may use, found from that folder's root, with no ".." in it. core
# includes, besides itself, only freestanding C headers, <string.h> for its four memory functions, and <linux/*.h>.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2

# All of it in one awk: a process for each file and line would take half a minute.
there=$(find core sim-frontend kvm-frontend fuzz tests -type f)
mapfile -t sources < <(grep -E '\.([chS]|def|inc)$' <<<"$there" | sort)
[ ${#sources[@]} -gt 0 ] || { echo "FAIL includes: no sources in $PWD"; exit 1; }
awk -v there="$there" '
	BEGIN {
		n = split(there, names, "\n")
		for (i = 1; i <= n; i++) exists[names[i]] = 1
		# The folders whose files each folder may name: as in the -I flags of the Makefile.
		allowed["core"] = "core/"
		allowed["sim-frontend"] = "core/ sim-frontend/"
		allowed["kvm-frontend/boot"] = "kvm-frontend/boot/ kvm-frontend/" # pure functions: not even core
		allowed["kvm-frontend"] = "core/ kvm-frontend/"
		allowed["fuzz"] = "core/ sim-frontend/ kvm-frontend/boot/ kvm-frontend/ fuzz/"
		allowed["tests"] = " core/ sim-frontend/ kvm-frontend/ kvm-frontend/boot/ fuzz/"
		split("float iso646 limits stdalign stdarg stdbool stddef stdint stdnoreturn string", names, " ")
		for (i in names) freestanding[names[i] ".h"] = 1
	}
	function bad(what) { if (count[folder]++ < 20) said[folder] = said[folder] (said[folder] ? ";" : "") FILENAME what }
	# fuzz, and boot itself, see kvm-frontend for names like "boot/acpi.h" only.
	function reaches(name,    dirs, n, i) {
		if (folder == "tests" && name in exists) return 1
		n = split(allowed[folder], dirs, " ")
		for (i = 1; i <= n; i++) {
			if ((folder == "fuzz" || folder == "kvm-frontend/boot") && dirs[i] == "kvm-frontend/" && name !~ /^boot\//) continue
			if ((dirs[i] name) in exists) return 1
		}
		return 0
	}
	FNR == 1 {
		folder = FILENAME
		if (folder ~ /^kvm-frontend\/boot\//) folder = "kvm-frontend/boot"
		else sub("/.*", "", folder)
	}
	!/^[ \t]*#[ \t]*include/ { next }
	# A name made by a macro would escape the check.
	!/^[ \t]*#[ \t]*include[ \t]*["<][^">]*[">]/ { if ($0 ~ /include[ \t]*[^"< \t]/) bad(": computed include: " FNR ":" $0); next }
	{
		name = $0
		sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
		quoted = substr(name, 1, 1) == "\""
		name = substr(name, 2)
		sub(/[">].*/, "", name)
		if (name ~ /\.\./) bad(" includes " name ": no ..")
		else if (quoted) { if (!reaches(name)) bad(" includes \"" name "\", which " folder " may not use (or there is no such file)") }
		else if (folder == "core" && name !~ /^linux\/.*\.h$/ && !(name in freestanding)) bad(" includes <" name ">: not freestanding")
		else if (name ~ /^(core|[^\/]*-frontend|fuzz)\//) bad(" includes <" name ">: our own headers are quoted")
	}
	END {
		n = split("core sim-frontend kvm-frontend/boot kvm-frontend fuzz tests", names, " ")
		for (i = 1; i <= n; i++) {
			if (names[i] in said) { print "FAIL includes-" names[i] ": " said[names[i]]; failed = 1 }
			else print "PASS includes-" names[i]
		}
		exit failed
	}
' "${sources[@]}"

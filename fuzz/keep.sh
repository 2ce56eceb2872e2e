# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/keep.sh, to be sourced by fuzz/run.sh: what has grown and what was found outlives a run, however that ends and whatever disk is full.
# It reads $grown and $finds, the folders to keep them in, and $afl_out, where AFL++ writes.
# Programs that reached something are named by the SHA-1 of what is in them, as libFuzzer does it: so one that was cut off shows.

# put FILE DIRECTORY NAME: there it is whole, or not at all.
put() {
	cp "$1" "$2.part" && mv "$2.part" "$2/$3" && return 0 # said, as it may be a trap that calls
	rm -f "$2.part"
	return 1
}

# drop_cut_off DIRECTORY: removes what was written while a disk was full, and prints how many those are.
drop_cut_off() {
	local cut
	cut=$(find "$1" -type f -exec sha1sum {} + | awk '{ name = $2; sub(".*/", "", name) } name ~ /^[0-9a-f]+$/ && length(name) == 40 && name != $1 { print $2 }')
	[ -z "$cut" ] || tr '\n' '\0' <<<"$cut" | xargs -0 rm -f --
	grep -c . <<<"$cut"
}

# -- libFuzzer: it replaces programs by shorter ones all the time; on a disk, making those files is a fifth of its time. So it works on a
# copy in memory, which is saved when it ends, and now and then before that, as not every end can be seen coming.
live='' saver='' save_seconds=600 cut_off=0

begin_live() {
	local place
	for place in /dev/shm build; do
		live=$(mktemp -d "$place/ringside-fuzz.XXXXXX" 2>/dev/null) || continue
		if cp -r "$grown/." "$live" 2>/dev/null; then
			drop_cut_off "$live" >/dev/null
			saving >/dev/null 2>&1 9>&- &
			saver=$!
			return
		fi
		rm -rf "$live"
		echo "fuzz: $place has no room for a copy of $grown" >&2
	done
	live=
	return 1
}

saving() { # until it is told to end, and its sleep with it; or the run is gone
	trap 'kill $!; exit' TERM
	while sleep "$save_seconds" & wait $!; do
		kill -0 $$ || exit
		save
	done
}

# save [replace]: adds to $grown what is whole of $live, each file at once; replace: and what $live has no more is removed, if all is whole.
# Status 1: not all could be copied.
save() {
	local copied=0
	rm -rf "$grown.new"
	mkdir -p "$grown.new" && cp -r "$live/." "$grown.new" || copied=1
	cut_off=$(drop_cut_off "$grown.new")
	find "$grown.new" -type f -exec mv -t "$grown" {} +
	rm -rf "$grown.new"
	if [ "${1:-}$copied$cut_off" = replace00 ]; then
		comm -23 <(names "$grown") <(names "$live") | (cd "$grown" && tr '\n' '\0' | xargs -0 rm -f --)
	fi
	return $copied
}
names() { find "$1" -type f -printf '%P\n' | sort; }

keep_grown() {
	[ -n "$live" ] || return 0
	kill "$saver" 2>/dev/null
	wait "$saver" 2>/dev/null
	if ! save replace; then
		echo "fuzz: what has grown is in $live: not all of it can be saved to $grown; make room, and copy it" >&2
	else
		[ "$cut_off" = 0 ] || echo "fuzz: ${live%/*} was full: $cut_off programs were cut off; what is whole was added to $grown" >&2
		rm -rf "$live"
	fi
	live=
}

# -- AFL++: what it found to reach something new, and its finds, under the names that libFuzzer would give: the next run of either
# begins with the ones, and `ringside triage` takes the others. Status 1: something is left in its folder alone.
keep_afl() {
	local hash file failed=0 found=0
	[ -d "$afl_out" ] && [ ! -e "$afl_out/kept" ] || return 0
	while read -r hash file; do
		case $file in
		*,orig:* | *,sync:*) ;;
		*/queue/*) [ -e "$grown/$hash" ] || put "$file" "$grown" "$hash" ;;
		*/crashes/*) put "$file" "$finds" "crash-$hash" && found=$((found + 1)) ;;
		*/hangs/*) put "$file" "$finds" "timeout-$hash" && found=$((found + 1)) ;;
		esac || failed=1
	done < <(find "$afl_out" -mindepth 3 -maxdepth 3 -name 'id:*' -exec sha1sum {} +)
	[ $found = 0 ] || echo "fuzz: $found finds of AFL++ are in $finds"
	[ $failed != 0 ] || touch "$afl_out/kept"
	return $failed
}

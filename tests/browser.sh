#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Sourced, behind report.sh, by scripts that look at a page in a headless Chromium. It is driven through its DevTools pipe:
# JSON messages, each ended by a NUL, from descriptor 3 and to descriptor 4 of the browser. A call's answer stands in $answer.
#   browser_start; browser_open FILE-URL; browser_value EXPRESSION; browser_key KEY; browser_stop
browser_calls=0 browser_session= browser_exceptions=
browser_start() {
	local program
	program=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || return 1
	mkfifo "$work/to-browser" "$work/from-browser"
	"$program" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update \
		--disable-sync --disable-dev-shm-usage --user-data-dir="$work/browser" --window-size=1366,768 --remote-debugging-pipe about:blank \
		3<"$work/to-browser" 4>"$work/from-browser" >"$work/browser.log" 2>&1 </dev/null &
	browser_pid=$!
	exec {browser_to}>"$work/to-browser" {browser_from}<"$work/from-browser"
}
# browser_call METHOD PARAMETERS: PARAMETERS is a JSON object
browser_call() {
	browser_calls=$((browser_calls + 1))
	printf '{"id":%d,"method":"%s","params":%s%s}\0' $browser_calls "$1" "$2" "${browser_session:+,\"sessionId\":\"$browser_session\"}" >&"$browser_to"
	while IFS= read -r -t 30 -d '' answer <&"$browser_from"; do
		case $answer in
		"{\"id\":$browser_calls,"*) return 0 ;;
		*'"Runtime.exceptionThrown"'*) browser_exceptions+="${answer:0:600}"$'\n' ;;
		esac
	done
	answer="(no answer to $1)"
	return 1
}
json_string() { # escapes for a JSON string
	local s=${1//\\/\\\\}
	s=${s//\"/\\\"} s=${s//$'\t'/\\t} s=${s//$'\r'/\\r}
	printf '"%s"' "${s//$'\n'/\\n}"
}
# Opens a page and waits until it says that it is drawn.
browser_open() {
	browser_session=
	browser_call Target.createTarget '{"url":"about:blank"}' || return 1
	local target
	target=$(sed 's/.*"targetId":"\([^"]*\)".*/\1/' <<<"$answer")
	browser_call Target.attachToTarget "{\"targetId\":\"$target\",\"flatten\":true}" || return 1
	browser_session=$(sed 's/.*"sessionId":"\([^"]*\)".*/\1/' <<<"$answer")
	browser_call Runtime.enable '{}' && browser_call Page.enable '{}' || return 1
	browser_call Page.navigate "{\"url\":$(json_string "$1")}" || return 1
	for _ in {1..300}; do
		browser_value 'document.body && document.body.dataset.ready || ""' || return 1
		[ -z "$answer" ] || return 0
		sleep 0.1
	done
	return 1
}
# The value of an expression as text, promises waited for. It comes as base64, so that nothing in it needs unescaping.
browser_value() {
	browser_call Runtime.evaluate "{\"awaitPromise\":true,\"returnByValue\":true,\"expression\":$(json_string \
		"(async () => { const v = String(await ($1)); return 'b64:' + btoa(String.fromCharCode(...new TextEncoder().encode(v))); })()")}" || return 1
	case $answer in *'"value":"b64:'*) ;; *) return 1 ;; esac
	answer=$(sed 's/.*"value":"b64:\([^"]*\)".*/\1/' <<<"$answer" | base64 -d)
}
# browser_key KEY: as KeyboardEvent.key names it
browser_key() {
	local text=
	[ "$1" != Enter ] || text=',"text":"\r","windowsVirtualKeyCode":13'
	[ ${#1} != 1 ] || text=",\"text\":$(json_string "$1")"
	browser_call Input.dispatchKeyEvent "{\"type\":\"keyDown\",\"key\":$(json_string "$1")$text}" &&
		browser_call Input.dispatchKeyEvent "{\"type\":\"keyUp\",\"key\":$(json_string "$1")}"
}
browser_stop() {
	browser_session=
	browser_call Browser.close '{}'
	exec {browser_to}>&- {browser_from}<&-
	wait "$browser_pid" 2>/dev/null
}

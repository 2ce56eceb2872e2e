#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Keeping programs (fuzz/corpus.sh: corpus-add, corpus-min) and the page of a fuzzer's run (REPORT=FILE), in a tree of its own that
# shares what is built. Prints `PASS name` or `FAIL name: why`.
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=corpus-
. tests/report.sh
make -s -j"$(nproc)" build/plain/ringside && make -s -j"$(nproc)" FLAVOUR=fuzz build/fuzz/fuzz_rng && fuzz/seeds.sh || exit 1
tree=$work/tree kept=$work/tree/corpus/rng
mkdir -p "$tree/build" "$tree/fuzz"
ln -s "$PWD"/{Makefile,core,sim-frontend,kvm-frontend,tests} "$tree"
ln -s "$PWD"/build/{plain,fuzz} "$tree/build"
ln -s "$PWD"/fuzz/* "$tree/fuzz"
mkdir -p "$tree"/corpus/{blk,net,console,snapshot} "$tree/build/corpus"
cp -rp corpus/{rng,ring,trace,traces,frozen} "$tree/corpus"
cp -rp build/corpus/{rng,ring,trace} "$tree/build/corpus"
rm "$tree/fuzz/coverage.sh" # it would build all of it once more
printf '#!/bin/bash\necho "core/vq.c 100 80 80.00 10 5 50.00 of lines 5 50.00"\n' >"$tree/fuzz/coverage.sh"
chmod +x "$tree/fuzz/coverage.sh"
ringside=build/plain/ringside

# -- seeds
seeds=$PWD/build/plain/seeds bad=$work/bad
mkdir -p "$bad"/{blk,ring,snapshot,device}
refused() { # NAME WORDS FILE LINE...: a file of that name and these lines
	local file=$bad/$3 name=$1 words=$2
	shift 3
	printf '%s\n' "$@" >"$file"
	refused_by "seeds-$name" "$words" "$seeds" "$bad" "$work/seeds"
	rm "$file"
}
refused program 'blk/x.txt:2:6: ' blk/x.txt 'device blk0' 'blk0 dance'
refused byte "ring/x.hex: '1ff' is no byte" ring/x.hex '00*3 1ff'
refused device 'snapshot/x.txt: no line `device blk0`' snapshot/x.txt 'rng0 kick queue=0' 'state 1=00'
refused damage "snapshot/x.txt: '7' is no damage" snapshot/x.txt 'device rng0' 'state 7'
refused machine 'device/x.txt: fuzz_device has no machine' device/x.txt 'device rng0' 'device rng1' 'rng0 kick queue=0'
refused_by seeds-usage 'usage: seeds CORPUS OUT' "$seeds" "$bad"
printf '01 ff # two\n00*3\n' >"$bad/ring/x.hex"
mkdir -p "$work/seeds/ring" && touch "$work/seeds/ring/stray"
if "$seeds" "$bad" "$work/seeds" && [ "$(od -An -tx1 "$work/seeds/ring/x")" = ' 01 ff 00 00 00' ] && [ ! -e "$work/seeds/ring/stray" ]; then
	pass seeds-hex
else
	fail seeds-hex "$(find "$work/seeds/ring" -type f -exec od -An -tx1 {} \;)"
fi
printf 'device rng0\n' | tee "$bad/blk/x-1.1.txt" >"$bad/blk/x-1.2.txt" # a dot in a name is part of it
if "$seeds" "$bad" "$work/seeds" && [ -e "$work/seeds/blk/x-1.1" ] && [ -e "$work/seeds/blk/x-1.2" ]; then pass seeds-dots; else fail seeds-dots "$(ls "$work/seeds/blk")"; fi
rm "$bad"/blk/*
refused twins 'two files are both kept as ring/x' ring/x.txt 'device rng0'

# -- the player names what ended it
make -s -j"$(nproc)" build/plain/replay_canary || exit 1
build/plain/replay_canary build/corpus/blk >"$work/out" 2>&1
status=$?
if [ $status = 134 ] && [ "$(tail -n 1 "$work/out")" = 'build/corpus/blk/faults: this program ended the player' ]; then pass player-names; else fail player-names "status $status: $(tail -n 1 "$work/out")"; fi

# -- corpus-add
some=$(find build/corpus/rng -type f ! -name 'grown-*' -size +20c | sort | head -n 1)
out=$("$tree/fuzz/corpus.sh" add "$PWD/$some" rng once-more 2>&1)
if [ $? = 0 ] && grep -q 'kept as corpus/rng/once-more.txt' <<<"$out" && $ringside assemble "$kept/once-more.txt" -o "$work/again" &&
	$ringside assemble "corpus/rng/${some##*/}.txt" -o "$work/first" && cmp -s "$work/again" "$work/first"; then
	pass add-bytes
else
	fail add-bytes "$out"
fi
out=$("$tree/fuzz/corpus.sh" add "$kept/once-more.txt" rng 2>&1)
if [ $? = 0 ] && find "$kept" -name 'found-*.txt' | grep -q . && cmp -s "$kept"/found-*.txt "$kept/once-more.txt"; then pass add-text; else fail add-text "$out"; fi
out=$(RING=packed "$tree/fuzz/corpus.sh" add "$PWD/$some" rng of-packed 2>&1)
if [ $? = 0 ] && [ "$(sed 2d "$kept/of-packed.txt")" = "$(cat "$kept/once-more.txt")" ] && [ "$(sed -n 2p "$kept/of-packed.txt")" = 'rng0 offer features=0x400000000' ]; then
	pass add-packed
else
	fail add-packed "$out"
fi
printf '\001\377' >"$work/bytes"
out=$("$tree/fuzz/corpus.sh" add "$work/bytes" ring bytes 2>&1)
if [ $? = 0 ] && grep -qx '01 ff' "$tree/corpus/ring/bytes.hex"; then pass add-hex; else fail add-hex "$out"; fi
refused_by add-twice 'corpus/rng/once-more.txt is there already' "$tree/fuzz/corpus.sh" add "$kept/once-more.txt" rng once-more
refused_by add-unknown-target 'no target nothing: TARGET is one of' "$tree/fuzz/corpus.sh" add "$work/bytes" nothing
refused_by add-no-file 'cannot read' "$tree/fuzz/corpus.sh" add "$work/none" rng
echo 'device rng0
rng0 dance' >"$work/bad.txt"
if "$tree/fuzz/corpus.sh" add "$work/bad.txt" rng bad >"$work/out" 2>&1; then
	fail add-bad-text "it is kept"
elif [ -e "$kept/bad.txt" ]; then
	fail add-bad-text "refused, and kept"
else
	pass add-bad-text
fi

# -- corpus-min: one program is kept that does nothing; of what grew, the one that reaches something becomes text, its double does not.
rm -rf "$kept" "$tree/build/corpus/rng"
mkdir -p "$kept" "$work/grown"
printf 'device rng0\nrng0 kick queue=0\n' >"$kept/nothing.txt"
cp "$some" "$work/grown/one"
cp "$some" "$work/grown/two"
out=$(GROWN=$work/grown "$tree/fuzz/corpus.sh" min rng 2>&1)
if [ $? = 0 ] && grep -q '^corpus: rng: 1 more, 0 dropped; 2 files' <<<"$out" && $ringside assemble "$kept"/grown-*.txt -o "$work/again" &&
	cmp -s "$work/again" "$some"; then
	pass min-keeps
else
	fail min-keeps "$out"
fi
mv "$kept"/grown-*.txt "$kept/has-a-name.txt" # what it reaches is kept for what it is: a grown one adds nothing any more
cp "$kept/has-a-name.txt" "$kept/grown-0123456789.txt"
out=$(GROWN=$work/grown "$tree/fuzz/corpus.sh" min rng 2>&1)
if [ $? = 0 ] && grep -q '^corpus: rng: 0 more, 1 dropped; 2 files' <<<"$out" && [ -e "$kept/nothing.txt" ] && [ -e "$kept/has-a-name.txt" ]; then
	pass min-drops
else
	fail min-drops "$out"
fi
# A kept program that fails now is told, and is no reason to drop it: fuzz_canary has a bug, which a grown one shows.
mkdir -p "$tree"/{corpus,build/corpus}/canary "$work/grown-canary"
make -s -j"$(nproc)" FLAVOUR=fuzz build/fuzz/fuzz_canary || exit 1
cp corpus/blk/faults.txt "$tree/corpus/canary/grown-0123456789.txt"
cp build/corpus/blk/faults "$tree/build/corpus/canary/grown-0123456789"
: >"$tree/build/corpus/canary/nothing"
out=$(SEEDS=true GROWN=$work/grown-canary "$tree/fuzz/corpus.sh" min canary 2>&1)
if [ $? = 1 ] && grep -q '^corpus: canary: build/corpus/canary/grown-0123456789 fails: build/fuzz/fuzz_canary' <<<"$out" &&
	[ -e "$tree/corpus/canary/grown-0123456789.txt" ] &&
	[ -z "$(find "$tree" -maxdepth 1 -name 'crash-*')" ] && find "$tree/build/finds/canary" -name 'crash-*' | grep -q .; then
	pass min-fails
else
	fail min-fails "$out"
fi

# -- REPORT
out=$(OPTIONS=-seed=1 REPORT=$work/page.html "$tree/fuzz/run.sh" libfuzzer rng 5 2>&1)
if [ $? = 0 ] && grep -q "the page is $work/page.html" <<<"$out" && [ "$(grep -c '<svg' "$work/page.html")" = 4 ] && grep -q '<h1>fuzz_rng</h1>' "$work/page.html" &&
	grep -q '<td>core/vq.c<td>100<td>80' "$work/page.html" && grep -q 'runs per second of processor time' "$work/page.html" && ! grep -q '<script' "$work/page.html"; then
	pass report
else
	fail report "$(tail -n 3 <<<"$out" | tr '\n' ' ')"
fi
printf '#1 NEW cov: 10 corp: 2/3b\nORACLE work: queue <b>0</b> & more\n' >"$work/log"
if "$tree/fuzz/report.sh" rng "$work/log" "$work/grown" >"$work/page.html" && grep -q '<pre>ORACLE work: queue &lt;b>0&lt;/b> &amp; more</pre>' "$work/page.html" &&
	grep -q 'too short for a curve' "$work/page.html"; then
	pass report-of-a-find
else
	fail report-of-a-find "$(grep -h pre "$work/page.html" | head -n 1)"
fi
exit $failures

// SPDX-License-Identifier: BSD-2-Clause
// What export.sh asks of a page that `ringside export --html` wrote: it stands in the page, beside the page's own script. Each of
// check* returns "" where all is well, or what is wrong.
"use strict";

function checkedRows(id) {
  return [...document.querySelectorAll(`table[data-table=${id}] tbody tr`)].map((r) => [...r.children].map((c) => c.textContent));
}

// What the page shows of each op, in words.
function shownOps() {
  const out = [];
  for (let n = 1; n <= model.nops; n++) {
    go(n);
    out.push(document.getElementById("now").textContent);
  }
  return out.join("\n");
}

function look() {
  return ["now", "tables", "cards", "legend", "state", "memory"].map((id) => document.getElementById(id).innerHTML).join("|");
}

// Backwards, and by jumps, everything looks as it did forwards.
function checkAnyOrder() {
  const seen = [];
  for (let n = 0; n <= model.nops; n++) { go(n); seen.push(look()); }
  for (let n = model.nops; n >= 0; n--) { go(n); if (look() !== seen[n]) return `op ${n} looks other from behind`; }
  for (let n = 0, k = 0; k < 100; k++) {
    n = (n * 7919 + 4241) % (model.nops + 1);
    go(n);
    if (look() !== seen[n]) return `op ${n} looks other by a jump`;
  }
  return new Set(seen).size > model.nops / 2 ? "" : "nothing changes";
}

// Used entries, as the lines up to each op tell them, are the rows of the used ring (split).
function checkUsedRing() {
  let checked = 0;
  const want = new Map();
  for (let n = 1; n <= model.nops; n++) {
    const m = /store for=used_entry gpa=(\S+) .*# id=(\d+) len=(\d+)/.exec(model.line(n));
    go(n);
    const setup = model.queueAt(0, 0, n);
    if (!m || !setup) continue;
    want.set((Number(m[1]) - setup.device - 4) / 8, [m[2], m[3]]);
    const rows = checkedRows("used").map((r) => r.join(" ")), wanted = [...want].map(([slot, [id, len]]) => `${slot} ${id} ${len}`);
    if (rows.join() !== wanted.join()) return `op ${n}: the used ring shows ${rows.join()}, not ${wanted.join()}`;
    checked++;
  }
  return checked ? "" : "no used entry";
}

// The bytes of each load and store are in the memory that is drawn.
function checkMemory() {
  let checked = 0;
  for (let n = 1; n <= model.nops; n++) {
    const data = field(model.line(n), "data"), range = model.range(n);
    go(n);
    if (!data || !range || !["load", "store", "poke"].includes(model.word(n))) continue;
    const touched = [...document.querySelectorAll("#memory .touched")].map((e) => e.textContent).join("");
    if (!data.startsWith(touched) || !touched) return `op ${n}: memory shows ${touched}, not ${data}`;
    checked++;
  }
  return checked ? "" : "no access";
}

function setFilter(text) {
  const select = document.getElementById("filter");
  const option = [...select.options].find((o) => o.textContent === text);
  if (!option) return `no such filter: ${text}`;
  select.value = option.value;
  select.dispatchEvent(new Event("change"));
  return "";
}

// With a device chosen every step comes to one of its ops, with a queue to that queue's.
function checkFilter(name, dev, queue) {
  const wrong = setFilter(name);
  if (wrong) return wrong;
  go(1);
  for (let k = 0; k < 50; k++) {
    const before = op;
    document.getElementById("on").click();
    if (op <= before) return `no step on from ${before}`;
    if (model.device(op) !== dev || (queue >= 0 && model.queue(op) !== queue)) return `op ${op} is ${model.line(op)}`;
  }
  const rows = [...document.querySelectorAll("#list .row")].map((r) => r.textContent.trim().split(/ +/)[1]);
  return rows.length > 5 && rows.every((r) => r === model.devices[dev].name) ? "" : `the list shows ${rows}`;
}

// Names for all that can be operated.
function checkNames() {
  const bad = [...document.querySelectorAll("button, select, input")].filter((e) => !(e.ariaLabel || (e.labels && e.labels.length) || e.textContent.trim()));
  return bad.map((e) => e.outerHTML).join();
}

function luminance(colour) {
  const [r, g, b] = colour.match(/[0-9a-f]{2}/gi).map((h) => parseInt(h, 16) / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
}

// WCAG AA: 4.5 to 1 for text on what it stands on.
function checkContrast() {
  const style = getComputedStyle(document.documentElement), bad = [];
  for (const back of ["--card", "--back", "--pick"])
    for (const front of ["--text", "--soft", "--guest", "--device", "--bad", "--accent"]) {
      const [a, b] = [front, back].map((v) => luminance(style.getPropertyValue(v))).sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
      if (ratio < 4.5) bad.push(`${front} on ${back}: ${ratio.toFixed(2)}`);
    }
  return bad.join(", ");
}

// A step, here and there: milliseconds, those aside that others on the machine disturbed.
function stepTime() {
  const times = [];
  for (let n = 0, k = 0; k < 40; k++) {
    n = (n * 7919 + 104729) % (model.nops - 1);
    go(n);
    const start = performance.now();
    go(n + 1);
    times.push(performance.now() - start);
  }
  return Math.round(times.sort((a, b) => a - b)[10]);
}

// SPDX-License-Identifier: BSD-2-Clause
// The page: what is chosen (an op, a filter, a queue), and everything drawn from that. Each of draw* draws one part anew.
"use strict";

const ROW = 18, WINDOW = 240, LANE = 13, LANES = 8, PAGE_STEP = 100, MEMORY_ROWS = 12;
const $ = (id) => document.getElementById(id);
let model, op = 0, filter = { dev: -1, queue: -1 }, shown = null, chosen = null, memoryAt = 0, passing = [];

/* -- the filter: which ops are stepped to and listed -- */

// What the guest stored belongs to no device, so it is always there.
function passes(n) {
  if (filter.dev < 0 || model.word(n) === "poke") return true;
  return model.device(n) === filter.dev && (filter.queue < 0 || model.queue(n) === filter.queue || isVerdict(n));
}

function applyFilter() {
  passing = [];
  for (let n = 1; n <= model.nops; n++) if (passes(n)) passing.push(n);
}

// The first index whose op is not below n.
function lowerBound(n) {
  let low = 0, high = passing.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (passing[mid] < n) low = mid + 1; else high = mid;
  }
  return low;
}

function step(by) {
  const at = lowerBound(op), here = passing[at] === op;
  if (by < 0 && at + by < 0) go(0);
  else go(passing[Math.min(passing.length - 1, by > 0 && !here ? at + by - 1 : at + by)] ?? op);
}

/* -- going to an op -- */

function isVerdict(n) { return (model.verdict.kind === "violation" || model.verdict.kind === "divergence") && model.verdict.op === n; }

function go(n, keepChosen) {
  op = Math.max(0, Math.min(model.nops, Math.round(Number(n) || 0)));
  if (!keepChosen) chosen = null;
  pickQueue();
  draw();
  history.replaceState(null, "", `#op=${op}`);
}

// The queue that the op is about, or the latest one before it of the same device.
function pickQueue() {
  const dev = filter.dev >= 0 ? filter.dev : op ? model.device(op) : 0;
  let n = op;
  while (n > 0 && (model.device(n) !== dev || model.queue(n) < 0)) n--;
  shown = { dev, queue: filter.queue >= 0 ? filter.queue : n ? model.queue(n) : 0 };
}

// Where the next request of what is shown begins or ends.
function goRequest(forward) {
  let best = null;
  for (const r of model.requests) {
    if (filter.dev >= 0 && (r.dev !== filter.dev || (filter.queue >= 0 && r.queue !== filter.queue))) continue;
    for (const n of [r.published, r.ended])
      if (forward ? n > op && (best === null || n < best) : n < op && n > 0 && (best === null || n > best)) best = n;
  }
  if (best !== null) go(best);
}

function goOffence() {
  const next = model.marks.find((n) => n > op) ?? model.marks[0];
  if (next !== undefined) go(next);
}

/* -- drawing -- */

// Sizes are read before anything is changed: in between, each look at one would lay the page out anew.
let sizes;
function measure() {
  sizes = { top: $("list").scrollTop, height: $("list").clientHeight, lanes: $("lanes").clientWidth || 1200, memory: $("memory").clientWidth };
}

function draw() {
  measure();
  drawBar();
  drawNow();
  drawList();
  const setup = model.queueAt(shown.dev, shown.queue, op);
  drawTabs();
  drawQueue(setup);
  drawLanes();
  drawMemory();
}

function drawBar() {
  $("op").value = op;
  $("slider").value = op;
  $("slider").setAttribute("aria-valuetext", op ? `op ${op}: ${model.line(op)}` : "the beginning");
  $("back").disabled = $("first").disabled = op === 0;
  $("on").disabled = $("last").disabled = op >= model.nops;
}

function drawNow() {
  const text = op ? model.line(op) : "The beginning: nothing has happened yet.";
  $("now").textContent = text;
  $("now").classList.toggle("bad", isVerdict(op) || (op > 0 && model.word(op) === "offence"));
  const v = model.verdict, here = isVerdict(op);
  $("banner").hidden = !here && v.kind !== "unknown";
  $("banner").classList.toggle("note", v.kind === "unknown");
  if (v.kind === "unknown") $("banner").textContent = `Not judged: ${v.what}`;
  else if (here) $("banner").textContent = `${v.kind === "violation" ? "Violation" : "Divergence"} at op ${v.op}: ${v.oracle ? v.oracle + " " : ""}${v.clause ? v.clause + ": " : ""}${v.what}${v.rule ? ". The rule: " + v.rule : ""}`;
}

const INPUTS = new Set(["write", "read", "run", "done", "flushed", "resize", "poke", "frame", "link", "announce", "input", "terminal", "port"]);

function row(index) {
  const n = passing[index], line = model.line(n), word = model.word(n), comment = line.indexOf("# ");
  const text = (comment < 0 ? line : line.slice(0, comment)).trimEnd();
  const short = text.replace(/ data=([0-9a-f]{16})[0-9a-f]{8,}/, " data=$1…");
  return element("div", {
    class: `row ${INPUTS.has(word) ? "in" : "out"}${n === op ? " now" : ""}${word === "offence" || isVerdict(n) ? " bad" : ""}`,
    style: `top:${index * ROW}px`, role: "option", "aria-selected": n === op, title: line, onclick: () => go(n),
  }, element("b", {}, String(n).padStart(6) + " "), short, ...(comment < 0 ? [] : [element("em", {}, "  " + line.slice(comment + 2))]));
}

// Only the rows in sight are there.
function drawRows(top, height) {
  const from = Math.max(0, Math.floor(top / ROW) - 5), to = Math.min(passing.length, from + Math.ceil(height / ROW) + 10), rows = [];
  for (let i = from; i < to; i++) rows.push(row(i));
  $("list").replaceChildren(element("div", { style: `height:${passing.length * ROW}px`, role: "presentation" }), ...rows);
}

function drawList() {
  const at = lowerBound(op) * ROW, { top, height } = sizes, away = at < top + 3 * ROW || at > top + height - 4 * ROW;
  const most = Math.max(0, passing.length * ROW - height), wanted = away ? Math.min(most, Math.max(0, at - height * .4)) : top;
  drawRows(wanted, height);
  if (away) $("list").scrollTop = wanted;
}

function drawTabs() {
  const tabs = [];
  model.devices.forEach((d, dev) => {
    for (let queue = 0; queue < d.nqueues; queue++) {
      const here = shown.dev === dev && shown.queue === queue;
      // Of many queues most may never be used.
      if (!here && !(model.queueAt(dev, queue, op) && model.requestsOf(dev, queue).length)) continue;
      tabs.push(element("button", { "aria-pressed": here, onclick: () => { shown = { dev, queue }; draw(); } }, `${d.name} queue ${queue}`));
    }
  });
  $("tabs").replaceChildren(...tabs);
}

function drawQueue(setup) {
  const name = `${model.devices[shown.dev].name} queue ${shown.queue}`, status = model.statusAt(shown.dev, op);
  $("drawing").hidden = !setup;
  $("more").hidden = !setup;
  $("state").textContent = `Status ${status}`;
  if (!setup) {
    $("tables").replaceChildren(element("p", { class: "empty" }, `${name} is not ready here.`));
    $("cards").replaceChildren();
    $("legend").replaceChildren();
    return;
  }
  const areas = setup.packed ? ["ring", "driver's events", "device's events"] : ["descriptors", "available ring", "used ring"];
  $("setup").textContent = [setup.desc, setup.driver, setup.device].map((a, i) => `${areas[i]} ${hex(a)}`).join(", ") + `; ${setup.features}`;
  const ring = drawRing(model, setup, op, chosen || currentRequest(setup));
  drawCards(ring);
}

// The live request of the queue that the op is about: the one whose memory it touches, or whose life it changes.
function currentRequest(setup) {
  const range = op ? model.range(op) : null, live = model.requestsOf(setup.dev, setup.queue).filter((r) => r.published <= op && (r.ended >= op || r.how === "open"));
  return live.find((r) => r.ended === op || r.popped === op || r.submitted === op || r.done === op) ||
    (range && live.find((r) => r.segs.some((s) => s.at < range.at + range.n && s.at + s.len > range.at) ||
      (r.tableLen && r.table < range.at + range.n && r.table + r.tableLen > range.at))) || null;
}

function opLink(n, word) { return element("button", { onclick: () => go(n, true), title: `Go to op ${n}` }, `${word} ${n}`); }

function card(r, ring, current) {
  const state = r.state(op), words = { avail: "available", flight: "in flight", used: r.how === "batch" ? "used (in a batch)" : "used", dropped: "dropped" };
  const life = [opLink(r.published, "published")];
  if (r.popped) life.push(opLink(r.popped, "taken"));
  if (r.submitted) life.push(opLink(r.submitted, "submitted"));
  if (r.done) life.push(opLink(r.done, "done"));
  life.push(r.how === "open" ? "never used" : opLink(r.ended, r.how === "dropped" ? "dropped" : "used"));
  const segs = state === "avail" ? [] : r.segs.map((s) => element("button", {
    class: s.write ? "w" : "r", title: `${s.write ? "For the device to write" : "For the device to read"}: show this memory`,
    onclick: () => showMemory(s.at),
  }, `${s.write ? "W" : "R"} ${hex(s.at)} +${s.len}`));
  const used = state === "used" && r.how === "used" ? `, length ${r.used}` : "";
  return element("article", { class: `card ${state === "dropped" ? "bad" : state}${r === current ? " here" : ""}${isOver(r) ? " past" : ""}`, "data-slot": r.slot },
    element("h3", {}, state === "avail" ? `slot ${r.slot}` : r.name, " ", element("small", {}, `${words[state]}${used}` + (state === "avail" ? "" : ` · slot ${r.slot} · id ${r.id}`))),
    element("div", { class: "chain" }, ...(r.tableLen && state !== "avail" ? [element("button", { onclick: () => { chosen = r; showMemory(r.table); } }, `table ${hex(r.table)}`), "→"] : []), ...segs),
    element("p", {}, ...life.flatMap((e, i) => i ? [" · ", e] : [e])));
}

function isOver(r) { return r.ended < op && r.how !== "open"; }

function drawCards(ring) {
  // The ones that ended last stay in sight for a while.
  for (const r of ring.past.sort((a, b) => b.ended - a.ended).slice(0, 3)) if (!ring.live.includes(r)) ring.live.push(r);
  const current = chosen || currentRequest(ring.setup), order = [...ring.live].sort((a, b) => (b === current) - (a === current) || isOver(a) - isOver(b) || a.serial - b.serial);
  $("cards").replaceChildren(...(order.length ? order.slice(0, 100).map((r) => card(r, ring, current))
    : [element("p", { class: "empty" }, "No chain is available or in flight.")]));
}

/* -- the lanes: requests around the op -- */

function laneRequests(from, to) {
  const rows = [];
  for (const [key, all] of model.byQueue) {
    const [dev, queue] = key.split("/").map(Number);
    if (filter.dev >= 0 && (dev !== filter.dev || (filter.queue >= 0 && queue !== filter.queue))) continue;
    const near = all.filter((r) => r.published <= to && (r.ended >= from || r.how === "open"));
    if (near.length) rows.push({ name: `${model.devices[dev].name} q${queue}`, near });
  }
  return rows;
}

function drawLanes() {
  const svg = $("lanes"), width = sizes.lanes, left = 84, span = Math.min(WINDOW, Math.max(40, model.nops));
  const from = Math.max(0, Math.min(op - span / 2, model.nops - span)), to = from + span, x = (n) => left + (n - from) / span * (width - left - 6);
  const parts = [];
  let y = 2;
  for (const { name, near } of laneRequests(from, to).slice(0, 6)) {
    const ends = [], top = y;
    for (const r of near) {
      let lane = ends.findIndex((e) => e <= r.published);
      if (lane < 0) lane = Math.min(ends.length, LANES - 1);
      ends[lane] = Math.max(ends[lane] || 0, r.how === "open" ? Infinity : r.ended);
      parts.push(...slice(r, x, top + lane * LANE, left, width));
    }
    parts.push(shape("text", { x: 2, y: top + 10 }, name));
    y += ends.length * LANE + 3;
  }
  y = Math.max(y, LANE + 4);
  parts.push(...marks(Math.ceil(from) || 1, Math.min(model.nops, Math.floor(to)), x, y), shape("line", { x1: x(op), x2: x(op), y1: 0, y2: y + 12 }));
  svg.setAttribute("height", y + 14);
  svg.replaceChildren(...parts);
}

function slice(r, x, y, left, width) {
  const clip = (v) => Math.max(left, Math.min(width - 4, v)), end = r.how === "open" ? width : x(r.ended);
  const taken = r.popped ? Math.min(end, x(r.popped)) : end, a = clip(x(r.published)), b = clip(taken), c = Math.max(clip(end), a + 2), out = [];
  const add = (kind, from, to) => {
    const rect = shape("rect", { class: `slice ${kind}`, x: from, y, width: Math.max(1, to - from), height: LANE - 2 });
    rect.append(shape("title", {}, `${r.name}: op ${r.published} to ${r.ended}`));
    rect.addEventListener("click", () => { chosen = r; go(r.published, true); });
    out.push(rect);
  };
  if (b > a) add("avail", a, b);
  if (r.popped) add("flight", b, c);
  if (c - b > 60) out.push(shape("text", { class: "name", x: b + 4, y: y + 9 }, r.name.slice(0, Math.floor((c - b) / 6.2))));
  return out;
}

function marks(from, to, x, y) {
  const out = [];
  for (let n = from; n <= to; n++) {
    if (filter.dev >= 0 && !passes(n)) continue;
    const word = model.word(n), here = isVerdict(n);
    const kick = word === "run" || (word === "write" && model.line(n).includes(" reg=0x050 "));
    const sign = here ? ["bad", "✖"] : word === "offence" ? ["bad", "◆"] : kick ? ["kick", "▲"] : word === "irq" ? ["irq", "▼"] : null;
    if (!sign) continue;
    const mark = shape("text", { class: sign[0], x: x(n) - 4, y: y + 9 }, sign[1]);
    mark.append(shape("title", {}, `op ${n}: ${model.line(n)}`));
    out.push(mark);
  }
  return out;
}

/* -- guest memory -- */

function showMemory(at) {
  if (typeof at !== "number") return;
  $("chase").checked = false;
  memoryAt = at;
  draw();
}

// The range of the op, or of the last one before it that is about memory.
function chasedRange() {
  for (let n = op; n > 0; n--) {
    const range = model.range(n);
    if (range) return range;
  }
  return { at: 0, n: 0 };
}

function memoryLine(memory, base, hashed, range, wide) {
  const line = element("div", {}, base.toString(16).padStart(8, "0"));
  let text = "";
  for (let i = 0; i < 16; i++) {
    const at = base + i, k = memory.known(at) || (hashed[i] ? HASHED : UNKNOWN), v = memory.byte(at), blank = k === UNKNOWN || k === HASHED;
    const here = range && at >= range.at && at < range.at + range.n;
    line.append(i === 8 ? "  " : " ", element("span", { class: `m${k}${here ? " touched" : ""}` }, k === UNKNOWN ? "··" : blank ? "××" : v.toString(16).padStart(2, "0")));
    text += blank ? " " : v >= 32 && v < 127 ? String.fromCharCode(v) : ".";
  }
  if (wide) line.append("  " + text);
  return line;
}

function drawMemory() {
  const memory = model.memoryAt(op), range = op ? model.range(op) : null;
  if ($("chase").checked) memoryAt = chasedRange().at;
  const base = Math.max(0, Math.floor(memoryAt / 16) * 16 - 32), hashed = model.hashedAt(op, base, MEMORY_ROWS * 16), lines = [];
  const wide = sizes.memory > 500; // room for the letters too
  if (document.activeElement !== $("gpa")) $("gpa").value = hex(memoryAt);
  for (let r = 0; r < MEMORY_ROWS; r++) lines.push(memoryLine(memory, base + 16 * r, hashed.subarray(16 * r, 16 * r + 16), range, wide));
  $("memory").replaceChildren(...lines);
}

/* -- beginning -- */

const KEYS = {
  ArrowLeft: () => step(-1), ArrowRight: () => step(1), PageUp: () => step(-PAGE_STEP), PageDown: () => step(PAGE_STEP),
  Home: () => go(0), End: () => go(model.nops), r: () => goRequest(true), R: () => goRequest(false), o: goOffence,
  v: () => { if (!$("verdict").hidden) go(model.verdict.op); }, g: () => { $("op").focus(); $("op").select(); }, f: () => $("filter").focus(),
  "?": () => $("help").showModal(),
};

function onKey(e) {
  const at = e.target, typing = at.tagName === "INPUT" && at.type !== "range" && at.type !== "checkbox";
  if (e.ctrlKey || e.altKey || e.metaKey || $("help").open || typing || at.tagName === "SELECT") return;
  let action = KEYS[e.key];
  if (at.id === "list" && e.key === "ArrowUp") action = KEYS.ArrowLeft;
  if (at.id === "list" && e.key === "ArrowDown") action = KEYS.ArrowRight;
  if (!action) return;
  e.preventDefault();
  action();
}

function fillFilter() {
  const add = (value, text) => $("filter").append(element("option", { value }, text));
  add("-1 -1", "all devices");
  model.devices.forEach((d, dev) => {
    add(`${dev} -1`, d.name);
    for (let queue = 0; queue < d.nqueues; queue++) if (model.requestsOf(dev, queue).length) add(`${dev} ${queue}`, `${d.name} queue ${queue}`);
  });
}

function fillTicks() {
  const add = (n, kind) => $("ticks").append(element("i", { class: kind, style: `left:${100 * n / model.nops}%` }));
  model.marks.slice(0, 500).forEach((n) => add(n, ""));
  if (isVerdict(model.verdict.op)) add(model.verdict.op, "bad");
}

function listen() {
  $("first").onclick = KEYS.Home; $("last").onclick = KEYS.End; $("back").onclick = KEYS.ArrowLeft; $("on").onclick = KEYS.ArrowRight;
  $("op").onchange = () => go($("op").value);
  $("slider").oninput = () => go($("slider").value);
  $("offence").onclick = goOffence; $("verdict").onclick = KEYS.v; $("about").onclick = KEYS["?"];
  $("filter").onchange = () => {
    const [dev, queue] = $("filter").value.split(" ").map(Number);
    filter = { dev, queue };
    applyFilter();
    go(op);
  };
  $("gpa").onchange = () => showMemory(Number($("gpa").value));
  $("chase").onchange = draw;
  $("list").onscroll = () => drawRows($("list").scrollTop, $("list").clientHeight);
  window.onresize = draw;
  window.onhashchange = fromHash;
  document.addEventListener("keydown", onKey);
}

function fromHash() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("op");
  go(wanted ?? (isVerdict(model.verdict.op) ? model.verdict.op : Math.min(1, model.nops)));
}

async function main() {
  model = new Model(await unpack("listing"), JSON.parse(await unpack("facts")));
  document.title = `${model.file} – Ringside`;
  $("file").textContent = `${model.file}${model.cut ? " (cut short)" : ""}`;
  $("nops").textContent = model.nops;
  $("op").max = $("slider").max = model.nops;
  $("head").textContent = [...model.head, model.ending].join("\n");
  $("offence").hidden = !model.marks.length;
  if (isVerdict(model.verdict.op)) {
    $("verdict").hidden = false;
    $("verdict").textContent = `${model.verdict.kind} ✖`;
    $("verdict").title = `Jump to op ${model.verdict.op} (v)`;
  }
  fillFilter();
  fillTicks();
  listen();
  applyFilter();
  fromHash();
  document.body.dataset.ready = "1";
}

main().catch((e) => {
  document.body.dataset.ready = "0";
  $("banner").hidden = false;
  $("banner").textContent = `This page cannot be drawn: ${e.message || e}`;
});

// SPDX-License-Identifier: BSD-2-Clause
// Rings as they lie in guest memory: a drawing of all slots, and tables of those of which something is known.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const STATES = { free: "free", avail: "available", flight: "in flight", used: "used" };
const DESC_LEN = 16, F_NEXT = 1, F_WRITE = 2, F_INDIRECT = 4, F_AVAIL = 0x80, F_USED = 0x8000;

function element(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) e.setAttribute(key, value);
  }
  e.append(...children);
  return e;
}

function shape(name, attributes, text) {
  const e = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  return e;
}

function hex(v) { return v === null || v === undefined ? "?" : typeof v === "string" ? v : "0x" + v.toString(16); }
function decimal(v) { return v === null ? "?" : String(v); }

function flagNames(flags, packed) {
  if (flags === null) return "?";
  const names = [];
  if (flags & F_NEXT) names.push("NEXT");
  if (flags & F_WRITE) names.push("WRITE");
  if (flags & F_INDIRECT) names.push("INDIRECT");
  if (packed && flags & F_AVAIL) names.push("AVAIL");
  if (packed && flags & F_USED) names.push("USED");
  const rest = flags & ~(F_NEXT | F_WRITE | F_INDIRECT | (packed ? F_AVAIL | F_USED : 0));
  if (rest) names.push(hex(rest));
  return names.join(" ") || "–";
}

// One queue, as it is behind an op: what each slot of its ring is, and its areas in memory.
class Ring {
  constructor(model, setup, op) {
    this.model = model;
    this.setup = setup;
    this.op = op;
    this.memory = model.memoryAt(op);
    this.size = setup.size;
    this.packed = setup.packed;
    this.live = [];
    this.past = []; // those that have ended
    this.slots = new Array(this.size).fill("free");
    this.touched = model.range(op);
    this.fill();
  }
  // The latest request of a slot says what it is. What was dropped leaves it free.
  fill() {
    const all = this.model.requestsOf(this.setup.dev, this.setup.queue);
    for (const r of all) {
      if (r.published > this.op) break;
      if (r.published < this.setup.op) continue;
      const state = r.state(this.op);
      if (r.ended <= this.op && r.how !== "open") this.past.push(r);
      if (state === "avail" || state === "flight" || r.ended === this.op) this.live.push(r);
      for (let i = 0; i < Math.max(1, this.packed ? r.ndesc : 1); i++)
        this.slots[(r.slot + i) % this.size] = state === "dropped" ? "free" : state;
    }
  }
  count(state) { return this.slots.filter((s) => s === state).length; }
  isTouched(at, n) { return this.touched !== null && this.touched.at < at + n && this.touched.at + this.touched.n > at; }
  number(at, n) { return typeof at === "number" ? this.memory.number(at, n) : null; }
  isKnown(at, n) {
    for (let i = 0; i < n; i++) if (this.memory.known(at + i)) return true;
    return false;
  }
  // Slots at which the two sides are, where that is known: [name, slot].
  pointers() {
    const { driver, device } = this.setup;
    if (this.packed) {
      const next = this.slots.map((s, i) => [s, i]).filter(([s]) => s === "avail");
      return next.length ? [["next to take", next[0][1]]] : [];
    }
    const avail = this.number(driver + 2, 2), used = this.number(device + 2, 2), out = [];
    if (avail !== null) out.push(["driver's index", avail % this.size]);
    if (used !== null) out.push(["device's index", used % this.size]);
    return out;
  }
}

function arc(from, to, inner, outer) {
  const p = (angle, r) => `${(r * Math.sin(angle)).toFixed(2)} ${(-r * Math.cos(angle)).toFixed(2)}`;
  const large = to - from > Math.PI ? 1 : 0;
  return `M${p(from, outer)}A${outer} ${outer} 0 ${large} 1 ${p(to, outer)}L${p(to, inner)}A${inner} ${inner} 0 ${large} 0 ${p(from, inner)}Z`;
}

function drawDonut(svg, ring) {
  const step = 2 * Math.PI / ring.size, parts = [];
  // A whole circle has no two ends to draw an arc between.
  ring.slots.forEach((state, i) => parts.push(shape("path", { class: `s-${state}`, d: arc(i * step, (i + 1) * step - (ring.size === 1 ? 1e-3 : 0), 62, 92) })));
  const base = ring.packed ? ring.setup.desc : ring.setup.driver + 4, len = ring.packed ? DESC_LEN : 2;
  for (let i = 0; i < ring.size; i++)
    if (ring.isTouched(base + i * len, len)) parts.push(shape("path", { class: `touched s-${ring.slots[i]}`, d: arc(i * step, (i + 1) * step, 62, 95) }));
  for (const [name, slot] of ring.pointers()) {
    const turn = (slot + .5) * 360 / ring.size, inside = name.startsWith("device");
    const mark = shape("path", { class: "pointer", transform: `rotate(${turn})`, d: inside ? "M0 -61L5 -51L-5 -51Z" : "M0 -94L5 -105L-5 -105Z" });
    mark.append(shape("title", {}, `${name}: slot ${slot}`));
    parts.push(mark);
  }
  const live = ring.count("avail") + ring.count("flight");
  parts.push(shape("text", { class: "big", y: 2 }, live), shape("text", { y: 18 }, `of ${ring.size} slots`), shape("text", { y: -20 }, ring.packed ? "packed" : "split"));
  svg.replaceChildren(...parts);
  svg.classList.toggle("fine", ring.size > 64);
  svg.setAttribute("aria-label", `${ring.packed ? "Packed" : "Split"} ring of ${ring.size} slots: ` +
    Object.keys(STATES).map((s) => `${ring.count(s)} ${STATES[s]}`).join(", "));
}

function drawLegend(list, ring) {
  const rows = Object.entries(STATES).map(([state, name]) => {
    const key = shape("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" });
    key.append(shape("rect", { width: 10, height: 10, rx: 2, class: `s-${state}` }));
    return [element("dt", {}, key, name), element("dd", { "data-count": state }, String(ring.count(state)))];
  });
  for (const [name, slot] of ring.pointers()) rows.push([element("dt", {}, element("span", {}, name.startsWith("device") ? "▲" : "▼"), name), element("dd", {}, `slot ${slot}`)]);
  list.replaceChildren(...rows.flat());
}

// caption: its first word, and the rest; rows: [class, touched, cells...]
function table(id, [name, caption], head, rows) {
  const body = rows.map(([kind, touched, ...cells]) => element("tr", { class: `${kind}${touched ? " touched" : ""}` },
    ...cells.map((c, i) => element(i ? "td" : "th", i ? {} : { scope: "row" }, c))));
  if (!rows.length) body.push(element("tr", {}, element("td", { colspan: head.length, class: "empty" }, "nothing of it is in the trace yet")));
  return element("table", { "data-table": id }, element("caption", {}, element("b", {}, name), caption),
    element("thead", {}, element("tr", {}, ...head.map((h) => element("th", { scope: "col" }, h)))), element("tbody", {}, ...body));
}

function descriptorRow(ring, base, i, kind, packed) {
  const at = base + i * DESC_LEN, flagsAt = packed ? 14 : 12;
  const flags = ring.number(at + flagsAt, 2);
  const third = decimal(packed || (flags !== null && flags & F_NEXT) ? ring.number(at + (packed ? 12 : 14), 2) : null).replace("?", packed ? "?" : "–");
  const where = hex(ring.number(at, 6)), len = decimal(ring.number(at + 8, 4)), names = flagNames(flags, packed);
  return [kind, ring.isTouched(at, DESC_LEN), String(i), where, len, ...(packed ? [third, names] : [third, names])];
}

function descriptorTable(ring, name, caption, base, n, kindOf) {
  const rows = [], packed = ring.packed;
  for (let i = 0; i < n; i++)
    if (ring.isKnown(base + i * DESC_LEN, DESC_LEN)) rows.push(descriptorRow(ring, base, i, kindOf(i), packed));
  return table(name, caption, ["#", "address", "length", packed ? "id" : "next", "flags"], rows);
}

// Which descriptors of a split queue live chains hold, as far as their heads say.
function headStates(ring) {
  const out = new Map();
  for (const r of ring.live) if (r.popped && r.popped <= ring.op) out.set(r.id, r.state(ring.op));
  return out;
}

function splitTables(ring) {
  const { desc, driver, device, eventIdx } = ring.setup, n = ring.size, heads = headStates(ring), avail = [], used = [];
  for (let i = 0; i < n; i++) {
    const a = driver + 4 + 2 * i, u = device + 4 + 8 * i;
    if (ring.isKnown(a, 2)) avail.push([ring.slots[i], ring.isTouched(a, 2), String(i), decimal(ring.number(a, 2))]);
    if (ring.isKnown(u, 8)) used.push(["", ring.isTouched(u, 8), String(i), decimal(ring.number(u, 4)), decimal(ring.number(u + 4, 4))]);
  }
  const availIdx = decimal(ring.number(driver + 2, 2)), usedIdx = decimal(ring.number(device + 2, 2));
  const event = (at) => eventIdx ? decimal(ring.number(at, 2)) : "–";
  return [
    table("avail", ["Available ring", `: idx ${availIdx}, flags ${decimal(ring.number(driver, 2))}, used_event ${event(driver + 4 + 2 * n)}`], ["slot", "head"], avail),
    table("used", ["Used ring", `: idx ${usedIdx}, flags ${decimal(ring.number(device, 2))}, avail_event ${event(device + 4 + 8 * n)}`], ["slot", "id", "length"], used),
    descriptorTable(ring, "desc", ["Descriptor table", ""], desc, n, (i) => heads.get(i) || ""),
  ];
}

function suppression(ring, at) {
  const modes = ["always", "never", "at a slot"], flags = ring.number(at + 2, 2), place = ring.number(at, 2);
  if (flags === null) return "(not told)";
  return flags === 2 && place !== null ? `at slot ${place & 0x7fff}, wrap ${place >> 15}` : modes[flags] || hex(flags);
}

function packedTables(ring) {
  const { desc, driver, device } = ring.setup;
  return [descriptorTable(ring, "desc", ["Ring", `: the driver wants interrupts ${suppression(ring, driver)}; the device wants kicks ${suppression(ring, device)}`],
    desc, ring.size, (i) => ring.slots[i])];
}

// What is known of a table behind an indirect descriptor.
function indirectTables(ring, request) {
  if (!request || !request.tableLen || typeof request.table !== "number") return [];
  return [descriptorTable(ring, "indirect", ["Indirect table", ` of chain ${request.id} at ${hex(request.table)}`], request.table,
    Math.min(request.tableLen / DESC_LEN, 128), () => "")];
}

// The row that the op touches, or the first one that is at work.
function bringIntoSight(tables) {
  const row = tables.querySelector("tr.touched") || tables.querySelector("tr.avail, tr.flight");
  if (!row) return;
  const top = row.getBoundingClientRect().top - tables.getBoundingClientRect().top;
  if (top < 40 || top > tables.clientHeight - 40) tables.scrollTop += top - tables.clientHeight / 2;
}

function drawRing(model, setup, op, chosen) {
  const ring = new Ring(model, setup, op);
  drawDonut(document.getElementById("donut"), ring);
  drawLegend(document.getElementById("legend"), ring);
  const tables = document.getElementById("tables");
  tables.replaceChildren(...(ring.packed ? packedTables(ring) : splitTables(ring)), ...indirectTables(ring, chosen));
  requestAnimationFrame(() => bringIntoSight(tables));
  return ring;
}

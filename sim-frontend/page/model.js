// SPDX-License-Identifier: BSD-2-Clause
// The recording in memory: its lines (what `ringside show` prints), the requests and queues that ringside found in
// them, and guest memory as it was behind any op: from the last keyframe on, the stores and loads are done again.
"use strict";

const KEYFRAMES = 64, KEYFRAME_EVERY = 512; // at most so many, and no closer
const PAGE = 4096;
// What is known of a byte; the order is that of the colours m0 to m4.
const UNKNOWN = 0, LOADED = 1, BY_GUEST = 2, BY_DEVICE = 3, HASHED = 4;

async function unpack(id) {
  const text = document.getElementById(id).textContent;
  const raw = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

// name=value in a line, ahead of its comment.
function field(line, name) {
  const at = line.indexOf(` ${name}=`);
  if (at < 0) return null;
  const from = at + name.length + 2, to = line.indexOf(" ", from);
  return line.slice(from, to < 0 ? undefined : to);
}

function hexBytes(text) {
  const out = new Uint8Array(text.length >> 1);
  for (let i = 0; i < out.length; i++) out[i] = parseInt(text.substr(2 * i, 2), 16);
  return out;
}

class Memory {
  constructor(pages) { this.pages = new Map(pages); }
  // Keyframes share their pages: the first store behind one copies.
  snapshot() {
    for (const p of this.pages.values()) p.shared = true;
    return new Map(this.pages);
  }
  page(number) {
    let p = this.pages.get(number);
    if (p && !p.shared) return p;
    p = p ? { bytes: p.bytes.slice(), known: p.known.slice() } : { bytes: new Uint8Array(PAGE), known: new Uint8Array(PAGE) };
    this.pages.set(number, p);
    return p;
  }
  put(at, n, known, bytes) {
    for (let i = 0; i < n;) {
      const off = (at + i) % PAGE, part = Math.min(n - i, PAGE - off), p = this.page((at + i - off) / PAGE);
      if (bytes) p.bytes.set(bytes.subarray(i, i + part), off);
      p.known.fill(known, off, off + part);
      i += part;
    }
  }
  // What stands there now is not in the trace. Pages of which nothing was known stay away.
  forget(at, n) {
    for (let i = 0; i < n;) {
      const off = (at + i) % PAGE, part = Math.min(n - i, PAGE - off), number = (at + i - off) / PAGE;
      if (this.pages.has(number)) this.page(number).known.fill(UNKNOWN, off, off + part);
      i += part;
    }
  }
  known(at) {
    const p = this.pages.get(Math.floor(at / PAGE));
    return p ? p.known[at % PAGE] : UNKNOWN;
  }
  byte(at) {
    const p = this.pages.get(Math.floor(at / PAGE));
    return p ? p.bytes[at % PAGE] : 0;
  }
  // A little-endian number of up to 6 bytes; null where not all of it is known.
  number(at, n) {
    let v = 0;
    for (let i = n - 1; i >= 0; i--) {
      const k = this.known(at + i);
      if (k === UNKNOWN) return null;
      v = v * 256 + this.byte(at + i);
    }
    return v;
  }
}

// A load must not hide who stored what it found.
function keepOwner(memory, at, bytes) {
  for (let i = 0; i < bytes.length; i++) {
    const k = memory.known(at + i);
    if (k === UNKNOWN || memory.byte(at + i) !== bytes[i]) memory.put(at + i, 1, LOADED, bytes.subarray(i, i + 1));
  }
}

class Model {
  constructor(listing, facts) {
    Object.assign(this, facts);
    this.raw = listing.split("\n");
    this.raw.pop();
    this.nops = this.raw.length;
    this.every = Math.max(KEYFRAME_EVERY, Math.ceil(this.nops / KEYFRAMES));
    this.number = new Map(this.devices.map((d, i) => [d.name, i]));
    this.readLines();
    this.requests = this.requests.map((r) => new Request(r));
    this.requests.sort((a, b) => a.published - b.published || a.serial - b.serial);
    this.byQueue = new Map(); // in the order of devices and queues
    for (const r of [...this.requests].sort((a, b) => a.dev - b.dev || a.queue - b.queue)) {
      const key = `${r.dev}/${r.queue}`;
      if (!this.byQueue.has(key)) this.byQueue.set(key, []);
      this.byQueue.get(key).push(r);
    }
  }
  // Op numbers are from 1; the first character of a raw line is its queue, or '-'.
  line(op) { return this.raw[op - 1].slice(1); }
  word(op) { return this.line(op).split(" ", 2)[1]; }
  device(op) { return this.devs[op]; }
  queue(op) { return this.queueOf[op]; }
  readLines() {
    const n = this.nops;
    this.devs = new Uint8Array(n + 1);
    this.queueOf = new Int8Array(n + 1).fill(-1);
    this.status = this.devices.map(() => []); // [op, text]
    this.marks = []; // ops of offences
    this.hashed = []; // [op, address, bytes]: stored by a backend, and kept as a hash
    const memory = new Memory();
    this.keyframes = [memory.snapshot()];
    for (let op = 1; op <= n; op++) {
      const raw = this.raw[op - 1], word = raw.split(" ", 2)[1];
      this.devs[op] = this.number.get(raw.slice(1, raw.indexOf(" "))) ?? 0;
      if (raw[0] !== "-") this.queueOf[op] = parseInt(raw[0], 16);
      if (word === "offence") this.marks.push(op);
      if ((word === "write" || word === "read") && raw.includes(" reg=0x070 ")) this.status[this.devs[op]].push([op, raw.split("# ")[1] || ""]);
      this.apply(memory, op, word);
      if (word === "unpin" && !raw.includes(" data=") && field(raw, "stored") !== "0")
        this.hashed.push([op, Number(field(raw, "gpa")), Number(field(raw, "stored"))]);
      if (op % this.every === 0) this.keyframes.push(memory.snapshot());
    }
    this.cached = { op: n, memory };
  }
  // Where in guest memory an op is, and how many bytes: null where it is not about memory.
  range(op) {
    const line = this.line(op), word = this.word(op);
    if (!["load", "store", "poke", "pin", "unpin"].includes(word)) return null;
    const at = Number(field(line, "gpa")), data = field(line, "data");
    const n = word === "pin" || word === "unpin" ? Number(field(line, "len")) : (data || "").length / 2;
    return at + n <= Number.MAX_SAFE_INTEGER ? { at, n } : null;
  }
  apply(memory, op, word) {
    const range = this.range(op);
    if (!range) return;
    const line = this.line(op), text = field(line, "data"), bytes = text ? hexBytes(text) : null;
    if (word === "poke" && bytes) memory.put(range.at, bytes.length, BY_GUEST, bytes);
    if (word === "store" && bytes) memory.put(range.at, bytes.length, BY_DEVICE, bytes);
    if ((word === "load" || word === "pin") && bytes) keepOwner(memory, range.at, bytes);
    if (word !== "unpin") return;
    const stored = Math.min(Number(field(line, "stored")), range.n);
    if (stored > 0) memory.forget(range.at, stored);
    if (bytes) memory.put(range.at, bytes.length, BY_DEVICE, bytes);
  }
  // Guest memory as it was behind an op (0: at the beginning).
  memoryAt(op) {
    const from = Math.floor(op / this.every);
    let { op: at, memory } = this.cached;
    if (at > op || at < from * this.every) {
      at = from * this.every;
      memory = new Memory(this.keyframes[from]);
    }
    while (at < op) this.apply(memory, ++at, this.word(at));
    this.cached = { op, memory };
    return memory;
  }
  // Which of n bytes at an address a backend has stored, as far as nothing else is known of them.
  hashedAt(op, at, n) {
    const out = new Uint8Array(n);
    for (const [when, from, len] of this.hashed) {
      if (when > op) break;
      if (from < at + n && from + len > at) out.fill(1, Math.max(0, from - at), Math.min(n, from + len - at));
    }
    return out;
  }
  statusAt(dev, op) {
    let text = "reset";
    for (const [at, words] of this.status[dev]) {
      if (at > op) break;
      text = words.replace(/^Status /, "");
    }
    return text;
  }
  // The queue as it was set up behind an op: null where it is not ready.
  queueAt(dev, queue, op) {
    let found = null;
    for (const q of this.queues) {
      if (q.op > op) break;
      if (q.dev === dev && q.queue === queue) found = q.ready ? q : null;
    }
    return found;
  }
  requestsOf(dev, queue) { return this.byQueue.get(`${dev}/${queue}`) || []; }
}

const REQUEST_FIELDS = ["serial", "dev", "queue", "slot", "ndesc", "id", "published", "popped", "submitted", "done", "ended", "how",
  "status", "used", "table", "tableLen", "name", "segs"];
const HOW = ["open", "used", "batch", "dropped"];

class Request {
  constructor(values) {
    REQUEST_FIELDS.forEach((name, i) => { this[name] = values[i]; });
    const flat = this.segs;
    this.segs = [];
    for (let i = 0; i < flat.length; i += 3) this.segs.push({ at: flat[i], len: flat[i + 1], write: flat[i + 2] === 1 });
    this.how = HOW[this.how];
  }
  // none, avail, flight, used or dropped, behind an op
  state(op) {
    if (op < this.published) return "none";
    if (op >= this.ended && this.how !== "open") return this.how === "dropped" ? "dropped" : "used";
    return this.popped && op >= this.popped ? "flight" : "avail";
  }
}

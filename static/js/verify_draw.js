// Draws again from a receipt, of experts or of an inspection, in the browser, and says part by part what comes out as it is
// written there.
// The page works without: the receipt is a file, and docs/verify_draw.py says the same. No request but for the receipt;
// hashing is vendored because plain http gives no crypto.subtle. docs/draw.md tells the rules that are followed here.

import { hmac } from "../vendor/noble-hashes/hmac.js";
import { sha256 } from "../vendor/noble-hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "../vendor/noble-hashes/utils.js";

const HEX = /^[0-9a-f]{64}$/;
const SHARED = ["commitment", "format", "organiser", "public_value", "seed", "sha256", "supervisor"];
const LIST_FORMAT = "inspection-draw-list-1";

// --- canonical text and hashes ---

/** As the receipt sorts its keys: by code point, which is not how JavaScript compares text. */
function byCodePoint(one, other) {
  const [a, b] = [Array.from(one), Array.from(other)];
  const at = a.findIndex((letter, index) => letter !== b[index]);
  if (at < 0) return a.length - b.length;
  return at < b.length ? a[at].codePointAt(0) - b[at].codePointAt(0) : 1;
}

/** The one way to write a JSON value: sorted keys, no spaces, characters as they are. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const keys = Object.keys(value).sort(byCodePoint);
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

const hash = (text) => bytesToHex(sha256(utf8ToBytes(text)));
const same = (one, other) => other !== undefined && canonical(one) === canonical(other);
const count = (list, wanted) => list.filter((each) => each === wanted).length;

// --- the draw ---

/** Lots, orders and the walk along them, as docs/verify_draw.py has it line for line. */
class Draw {
  constructor(rules, everybody, seed) {
    const drawable = everybody.filter((person) => person.excluded === null);
    this.people = new Map(drawable.map((person) => [person.id, person]));
    this.gone = new Set();
    this.limit = rules.max_per_employer;
    this.leaders = new Set(drawable.filter((person) => mayLead(person, rules)).map((person) => person.id));
    const keys = [...this.people.keys()];
    const lists = new Map(Object.keys(rules.seats).map((field) => [field, keys.filter((key) => this.has(key, field))]));
    lists.set("*", keys).set("*leader", [...this.leaders]);
    this.orders = new Map([...lists].map(([name, list]) => [name, this.order(name, list, seed, rules.load_band)]));
    const fields = Object.keys(rules.seats).sort(byCodePoint);
    const named = fields.flatMap((field) => Array(rules.seats[field]).fill(field));
    this.kinds = [...named, ...Array(rules.size).fill("*")].slice(0, rules.size);
  }

  has(key, field) {
    return this.people.get(key).fields.includes(field);
  }

  order(name, keys, seed, width) {
    const place = (key) => {
      const band = name !== "*leader" && width ? Math.floor(this.people.get(key).load / width) : 0;
      return [band, bytesToHex(hmac(sha256, hexToBytes(seed), utf8ToBytes(`${name}\0${key}`))), key];
    };
    const places = keys.map(place).sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
    return places.map((each) => each[2]);
  }

  /** Who of an order can still sit beside ``seated``: not there, not gone, and the employer has room. */
  free(kind, seated) {
    const units = seated.map((key) => this.people.get(key).employer);
    const full = new Set(units.filter((unit) => count(units, unit) >= this.limit));
    const spent = new Set([...this.gone, ...seated]);
    return this.orders.get(kind).filter((key) => !spent.has(key) && !full.has(this.people.get(key).employer));
  }

  /** Whether seats of these kinds can all be filled with somebody who leads: leader first, then the scarcest seat. */
  canFill(kinds, seated) {
    const led = seated.some((key) => this.leaders.has(key));
    if (!kinds.length) return led;
    const able = (kind) => this.free(kind, seated).filter((key) => led || this.leaders.has(key));
    const tries = kinds.map((kind, at) => ({ at, keys: able(kind) })).sort((a, b) => a.keys.length - b.keys.length);
    return tries.slice(0, led ? 1 : undefined).some(({ at, keys }) => {
      const rest = kinds.filter((_, index) => index !== at);
      return keys.some((key) => this.canFill(rest, [...seated, key]));
    });
  }

  fill(panel) {
    this.kinds.forEach((kind, seat) => {
      if (panel[seat] !== null) return;
      const seated = panel.filter((key) => key !== null);
      const later = this.kinds.filter((_, index) => index > seat && panel[index] === null);
      const next = this.free(kind, seated).find((key) => this.canFill(later, [...seated, key]));
      if (next === undefined) throw new Error("nobody is left for a seat");
      panel[seat] = next;
    });
    return panel;
  }

  rounds(declines) {
    let panel = Array(this.kinds.length).fill(null);
    let leader = null;
    return [[], ...declines].map((declined, number) => {
      const named = [...new Set(declined)].sort();
      const lawful = declined.length && same(declined, named) && declined.every((key) => panel.includes(key));
      if (number && !lawful) throw new Error("only who sits on the panel can decline");
      for (const key of declined) this.gone.add(key);
      panel = this.fill(panel.map((key) => (this.gone.has(key) ? null : key)));
      if (!panel.includes(leader)) leader = this.orders.get("*leader").find((key) => panel.includes(key));
      const seats = panel.map((key, seat) => ({ field: this.kinds[seat], id: key, leader: key === leader }));
      return { declined, seats };
    });
  }
}

const mayLead = (person, rules) => person.can_lead && person.district !== rules.leader_not_from_district;

// --- the parts of a receipt ---

/** Rules that can be met, nobody twice, nobody drawable whom they forbid. */
function lawfulPool({ rules, candidates }) {
  const ids = candidates.map((person) => person.id);
  const drawable = candidates.filter((person) => person.excluded === null);
  const seats = Object.values(rules.seats);
  const whole = [rules.size, rules.max_per_employer, rules.max_load, rules.load_band, ...seats];
  return (
    whole.every((number) => Number.isInteger(number) && number >= 0) &&
    rules.size >= 3 && rules.size < 100 && rules.size % 2 === 1 &&
    seats.reduce((sum, number) => sum + number, 0) <= rules.size &&
    rules.max_per_employer >= 1 &&
    ids.every((id) => HEX.test(id)) && same(ids, [...new Set(ids)].sort()) &&
    drawable.every((person) => person.employer && person.fields.length) &&
    drawable.every(({ load }) => Number.isInteger(load) && load >= 0 && load < rules.max_load)
  );
}

/** Of an inspection: nobody twice, a share in whole percent, nothing more and nothing less. */
function lawfulList(list) {
  const { subject, numbers, rules: { share, public_source: source } } = list;
  const rules = { version: "1", share, public_source: source };
  return (
    same({ format: LIST_FORMAT, subject, rules, numbers: [...new Set(numbers)].sort(byCodePoint) }, list) &&
    typeof subject === "string" && (source === null || typeof source === "string") &&
    numbers.length > 0 && numbers.every((number) => typeof number === "string") &&
    Number.isInteger(share) && share >= 1 && share <= 100
  );
}

/** Two secrets, and a public value if the rules name a source. */
function lawfulInputs({ organiser, supervisor, public_value: value }, source) {
  return (
    [organiser.secret, supervisor.secret].every((secret) => typeof secret === "string" && HEX.test(secret)) &&
    organiser.secret !== supervisor.secret &&
    (value === null ? source === null : Boolean(value) && typeof value === "string" && source !== null)
  );
}

function seatsOf(receipt) {
  const people = new Map(receipt.pool.candidates.map((person) => [person.id, person]));
  return receipt.rounds.map((round) => round.seats.map((seat) => ({ ...seat, person: people.get(seat.id) })));
}

/** What is read off the seats themselves, without drawing: true only where every round keeps it. */
const SEEN = {
  excluded: (seats) => seats.every((seat) => seat.person && seat.person.excluded === null),
  fields: (seats, { rules }) =>
    Object.entries(rules.seats).every(([field, wanted]) => {
      const held = seats.filter((seat) => seat.field === field);
      return held.length === wanted && held.every((seat) => seat.person.fields.includes(field));
    }) && seats.length === rules.size && new Set(seats.map((seat) => seat.id)).size === rules.size,
  employers: (seats, { rules }) => {
    const units = seats.map((seat) => seat.person.employer);
    return units.every((unit) => count(units, unit) <= rules.max_per_employer);
  },
  leader: (seats, { rules }) => {
    const leaders = seats.filter((seat) => seat.leader);
    return leaders.length === 1 && mayLead(leaders[0].person, rules);
  },
};

/** What only the receipt of a panel has: seats, and what is read off them. */
function panelChecks(receipt) {
  const drawn = once(() => new Draw(receipt.pool.rules, receipt.pool.candidates, receipt.seed));
  const seen = (fact) => () => seatsOf(receipt).every((seats) => SEEN[fact](seats, receipt.pool));
  return {
    orders: () => same(Object.fromEntries(drawn().orders), receipt.orders),
    rounds: () => same(drawn().rounds(receipt.rounds.slice(1).map((round) => round.declined)), receipt.rounds),
    fields: seen("fields"),
    employers: seen("employers"),
    leader: seen("leader"),
    excluded: seen("excluded"),
  };
}

/** What only the receipt of an inspection has: the smallest lots, their share of all, rounded up. */
function inspectionChecks({ list, seed, order, drawn }) {
  const lots = once(() => {
    const lot = (number) => bytesToHex(hmac(sha256, hexToBytes(seed), utf8ToBytes(`inspection\0${number}`)));
    const places = list.numbers.map((number) => [lot(number), number]);
    return places.sort((a, b) => (a[0] < b[0] ? -1 : 1)).map((place) => place[1]);
  });
  return {
    order: () => same(lots(), order),
    drawn: () => same(lots().slice(0, Math.ceil((lots().length * list.rules.share) / 100)), drawn),
  };
}

// format -> name of the frozen part, whether it is lawful, its other parts, and the checks that it alone has
const KINDS = {
  "expert-draw-receipt-1": { part: "pool", lawful: lawfulPool, parts: ["orders", "rounds"], checks: panelChecks },
  "inspection-draw-receipt-1": { part: "list", lawful: lawfulList, parts: ["drawn", "order"], checks: inspectionChecks },
};

/** The checks in the order in which they are told: part -> whether it holds. A check that cannot be made does not. */
function checksOf(receipt, text) {
  const kind = KINDS[Object.hasOwn(KINDS, receipt.format) ? receipt.format : "expert-draw-receipt-1"];
  const frozen = receipt[kind.part];
  const value = () => receipt.public_value ?? "";
  const bound = (party) => () => same({ secret: party().secret, sha256: hash(party().secret) }, party());
  return {
    bytes: () => text === `${canonical(receipt)}\n`,
    parts: () =>
      Object.hasOwn(KINDS, receipt.format) &&
      same(Object.keys(receipt).sort(), [...SHARED, kind.part, ...kind.parts].sort()),
    lawful: () => kind.lawful(frozen) && lawfulInputs(receipt, frozen.rules.public_source),
    commitment: () => hash(canonical(frozen)) === receipt.commitment,
    organiser: bound(() => receipt.organiser),
    supervisor: bound(() => receipt.supervisor),
    seed: () =>
      hash([receipt.commitment, receipt.organiser.secret, receipt.supervisor.secret, value()].join("\n")) === receipt.seed,
    ...kind.checks(receipt),
    sha256: () => {
      const { sha256: told, ...rest } = receipt;
      return hash(canonical(rest)) === told;
    },
  };
}

function once(make) {
  let made;
  return () => (made ??= make());
}

/** Whether somebody is who is claimed: the salted hash of the number is the one that was drawn. */
export const isWho = (id, number, salt) => hash(`${salt}\0${number}`) === id;

/** Verify the bytes of a receipt: part -> true, or false where it does not come out as it is written. */
export function verify(bytes) {
  let receipt, text, checks;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    receipt = JSON.parse(text);
    checks = checksOf(receipt, text);
  } catch {
    return { bytes: false };
  }
  const found = {};
  for (const [part, holds] of Object.entries(checks)) {
    try {
      found[part] = holds() === true;
    } catch {
      found[part] = false; // a part that is missing or of another kind
    }
  }
  return found;
}

export const isRight = (found) => Object.values(found).every(Boolean);

// --- the page ---

function tell(line, holds) {
  line.classList.toggle("right", holds);
  line.classList.toggle("wrong", !holds);
  line.querySelector("output").textContent = holds ? line.closest("ol").dataset.right : line.closest("ol").dataset.wrong;
}

function show(card, found) {
  for (const line of card.querySelectorAll("[data-part]")) tell(line, found[line.dataset.part] === true);
  for (const row of card.querySelectorAll("[data-id]")) {
    const holds = isWho(row.dataset.id, row.dataset.number, row.dataset.salt);
    row.querySelector("output").textContent = holds ? card.dataset.who : card.dataset.other;
    row.classList.toggle("wrong", !holds);
  }
  const verdict = card.querySelector("[data-verdict]");
  const right = isRight(found);
  verdict.className = `note ${right ? "ok" : "late"}`;
  verdict.textContent = right ? card.dataset.right : card.dataset.wrong;
  verdict.hidden = false;
  card.querySelector("ol").hidden = false;
}

async function published(card) {
  const answer = await fetch(card.dataset.verify, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return new Uint8Array(await answer.arrayBuffer());
}

async function run(card, read) {
  const button = card.querySelector("button");
  button.disabled = true;
  try {
    show(card, verify(await read()));
  } catch {
    const verdict = card.querySelector("[data-verdict]");
    verdict.className = "note wait";
    verdict.textContent = card.dataset.failed;
    verdict.hidden = false;
  } finally {
    button.disabled = false;
  }
}

if (typeof document !== "undefined") {
  for (const card of document.querySelectorAll("[data-verify]")) {
    card.querySelector(".verifying").hidden = false;
    card.querySelector("button").addEventListener("click", () => run(card, () => published(card)));
    card.querySelector("input[type=file]").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file) run(card, async () => new Uint8Array(await file.arrayBuffer()));
    });
  }
}

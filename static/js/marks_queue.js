// What an expert said of each item, kept in this browser until the portal has it, and sent in order, exactly once.
// One record for each item of a sheet: what was typed last, on which save it builds, and how it stands:
//   waiting  typed here, not sent yet (or sent without an answer: the same key sent again is the same save)
//   saved    the portal has it; kept so that the room reads right while the line is cut
//   clash    saved elsewhere meanwhile, or typed in another window: this person chooses between ``fields`` and ``other``,
//            and then from what stands in ``further``, typed in yet other windows
//   refused  the portal says why not; typed anew it waits again
// Works on any address; where the browser keeps nothing, what is typed is sent from memory.

import { forgetPages, inTurn, Kept, Memory, newKey, post, within } from "./kept_queue.js";

const PREFIX = "scoring-";
const MARKS = "marks";
const OPENED = "opened";
const STORES = { [MARKS]: ["seat", "code"], [OPENED]: ["seat", "evidence"] };

// Where several versions stand, whoever types writes on the own one, which comes first; nobody's takes another's place.
function typedInClash(row, fields, stamp, seen) {
  const mine = { ...row, fields, stamp };
  if (row.stamp === seen) return mine;
  const before = { ...row.fields, stamp: row.stamp };
  if (seen && row.other.stamp === seen) return { ...mine, other: { ...before, revision: row.other.revision } };
  const further = (row.further ?? []).filter((one) => one.stamp !== seen);
  return { ...mine, further: [...further, before] };
}

// What is left to choose from once one version is given up: "" is the stamp of the version that is saved.
function chosen(row, keep, giveUp) {
  const all = [{ ...row.fields, stamp: row.stamp }, row.other, ...(row.further ?? [])];
  const left = all.filter((one) => stampOf(one) !== giveUp);
  const kept = left.find((one) => stampOf(one) === keep);
  if (!kept || left.length === all.length) return undefined; // changed in another window: one looks again
  const rest = left.filter((one) => one !== kept);
  const [first, second, ...further] = kept.saved && rest.length ? [rest[0], kept, ...rest.slice(1)] : [kept, ...rest];
  const { value, reason, private_note, na, words } = first;
  const revision = row.other.revision;
  const next = { ...row, fields: { value, reason, private_note, na, words }, revision, key: newKey(), stamp: newKey(), doubt: [] };
  if (second) return { ...next, stamp: first.stamp, other: { ...second, revision }, further };
  const short = /^[\d.]+$/.test(value) ? value : words;
  return { ...next, state: first.saved ? "saved" : "waiting", short, other: null, further: [] };
}

export const stampOf = (one) => (one.saved ? "" : one.stamp);

export class MarksQueue {
  constructor(person, seat, openedAddress, tell) {
    this.person = person;
    this.seat = seat;
    this.openedAddress = openedAddress;
    this.tell = tell; // called with (record or null, what happened) after every step
    this.keeps = true;
    this.busy = null;
    this.again = false;
    this.opening = Kept.open(PREFIX + person, STORES).catch(() => {
      this.keeps = false;
      return new Memory(STORES);
    });
  }

  async records() {
    const rows = await (await this.opening).all(MARKS);
    return rows.filter((row) => row.seat === this.seat);
  }

  async record(code) {
    return (await this.records()).find((row) => row.code === code) ?? null;
  }

  async change(code, change) {
    const store = await this.opening;
    try {
      return await store.change(MARKS, [this.seat, code], change);
    } catch (error) {
      if (store instanceof Memory) throw error;
      // No room left, or somebody signed out in another window: what is typed from now on is sent from memory.
      this.keeps = false;
      this.opening = Promise.resolve(new Memory(STORES));
      return this.change(code, change);
    }
  }

  // Not delivered yet, in the order in which it was typed.
  async undelivered() {
    const rows = (await this.records()).filter((row) => row.state !== "saved");
    return rows.sort((one, other) => one.at - other.at);
  }

  // Keep what was typed. seen: the stamp of the record that the page shows, "" for none; another one that waits is never
  // written over: both are kept, and this person chooses. asks: whether every mark of this item needs a reason.
  async type({ code, address, revision, asks }, fields, seen) {
    const stamp = newKey();
    return this.change(code, (row) => {
      const mine = { seat: this.seat, code, address, asks, fields, revision, stamp, key: newKey(), at: Date.now(), state: "waiting" };
      if (!row) return { ...mine, doubt: [] };
      if (row.state === "waiting" && row.stamp !== seen) {
        return { ...mine, doubt: row.doubt, state: "clash", other: { ...row.fields, revision: row.revision, stamp: row.stamp } };
      }
      if (row.state === "clash") return typedInClash(row, fields, stamp, seen);
      const base = row.stamp === seen ? Math.max(row.revision, revision) : revision;
      return { ...mine, revision: base, doubt: row.state === "saved" ? [] : row.doubt, claim: row.claim };
    });
  }

  // This person has chosen between two versions, by their stamps: the own one over what was saved is sent as one that has
  // seen it. The record that is left, "clash" where more versions stand; undefined where it changed in another window.
  choose(code, keep, giveUp) {
    return this.change(code, (row) => (row?.state === "clash" ? chosen(row, keep, giveUp) : undefined));
  }

  async noteOpened(evidence) {
    await (await this.opening).change(OPENED, [this.seat, evidence], (row) => row ?? { seat: this.seat, evidence });
  }

  // --- sending ----------------------------------------------------------------------------------------------------

  // Send all that waits, one after the other. Asked again meanwhile it goes round once more; several windows take turns.
  send() {
    if (this.busy) {
      this.again = true;
      return this.busy;
    }
    this.busy = (async () => {
      let outcome;
      do {
        this.again = false;
        outcome = await inTurn(`${PREFIX}${this.person}-${this.seat}`, () => this.round());
      } while (this.again && outcome === "done");
      return outcome;
    })().finally(() => {
      this.busy = null;
    });
    return this.busy;
  }

  async round() {
    for (const row of (await this.undelivered()).filter((one) => one.state === "waiting")) {
      const outcome = await this.deliver(row.code);
      if (outcome !== "done") return this.told(outcome);
    }
    return this.told((await this.deliverOpened()) ?? "done");
  }

  told(outcome) {
    this.tell(null, outcome);
    return outcome;
  }

  // "done": the portal has answered of this item; otherwise why nothing can be sent now: "away", "signedOut", "otherPerson".
  async deliver(code) {
    const row = await this.change(code, (now) =>
      now?.state === "waiting" ? { ...now, doubt: [...(now.doubt ?? []).filter((key) => key !== now.key), now.key] } : undefined,
    );
    if (!row) return "done";
    this.tell(row, "sending");
    const { words, ...fields } = row.fields;
    const answer = await post(row.address, { ...fields, revision: row.revision, save_key: row.key, person: this.person });
    if (typeof answer === "string") return answer;
    const next = await this.change(code, (now) => now && this.after(now, row, answer));
    this.tell(next ?? row, next?.state ?? "saved");
    return "done";
  }

  // What becomes of a record once the portal has answered what was sent as ``sent``; it may have been typed anew meanwhile.
  after(now, sent, { status, told }) {
    const same = now.key === sent.key;
    if (status === 200) {
      const saved = { revision: told.revision, doubt: [], claim: told.claim ?? now.claim, saved_at: told.saved_at };
      if (!same && now.state === "clash") {
        const other = { ...now.other, revision: told.revision, saved: now.other.saved || now.other.stamp === sent.stamp };
        return { ...now, ...saved, other };
      }
      if (!same) return { ...now, ...saved };
      return { ...now, ...saved, state: "saved", short: told.mark };
    }
    const current = told?.current;
    if (status === 409 && current) {
      // The save that stands there is our own, whose answer was lost: what was typed since builds on it.
      if (now.doubt.includes(current.save_key)) return { ...now, revision: told.revision, doubt: [] };
      const { value, words, reason, private_note } = current;
      const na = value === "na" ? "1" : "";
      const other = { value, words, reason, private_note, na, revision: told.revision, saved: true };
      const further = now.state === "clash" && !now.other.saved ? [...(now.further ?? []), now.other] : now.further;
      return { ...now, state: "clash", other, further };
    }
    const why = told?.problems?.map((problem) => problem.message).join(" ") ?? "";
    return same ? { ...now, state: "refused", why, closed: !told } : now;
  }

  async deliverOpened() {
    const store = await this.opening;
    const rows = (await store.all(OPENED)).filter((row) => row.seat === this.seat);
    if (!rows.length) return null;
    const answer = await post(this.openedAddress, rows.map((row) => ["evidence", row.evidence]));
    if (typeof answer === "string") return answer;
    for (const row of rows) await store.change(OPENED, [row.seat, row.evidence], () => null);
    return null;
  }
}

// --- leaving ------------------------------------------------------------------------------------------------------------

// How many marks of this person wait in this browser, of whatever sheet.
export function countUndelivered(person) {
  return within(PREFIX + person, STORES, 0, async (store) => (await store.all(MARKS)).filter((row) => row.state !== "saved").length);
}

// Take out what was typed on one sheet.
export function forgetSeat(person, seat) {
  return within(PREFIX + person, STORES, undefined, async (store) => {
    for (const [name, key] of [[MARKS, "code"], [OPENED, "evidence"]]) {
      for (const row of await store.all(name)) if (row.seat === seat) await store.change(name, [seat, row[key]], () => null);
    }
  });
}

// Take out everything of this person, marks and the pages that were kept for reading without a line.
export async function forget(person) {
  indexedDB.deleteDatabase(PREFIX + person);
  await forgetPages("");
}

export { forgetPages };

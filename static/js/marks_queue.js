// What an expert said of each item, kept in this browser until the portal has it, and sent in order, exactly once.
// One record for each item of a sheet: what was typed last, on which save it builds, and how it stands:
//   waiting  typed here, not sent yet (or sent without an answer: the same key sent again is the same save)
//   saved    the portal has it; kept so that the room reads right while the line is cut
//   clash    saved elsewhere meanwhile: this person chooses
//   refused  the portal says why not; typed anew it waits again
// Works on any address; where the browser keeps nothing, what is typed is sent from memory.

const PREFIX = "scoring-";
const MARKS = "marks";
const OPENED = "opened";

export const newKey = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is not there on plain http
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const text = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function token() {
  return document.cookie.split("; ").find((one) => one.startsWith("csrftoken="))?.slice("csrftoken=".length) ?? "";
}

// The same few calls as on the database, for browsers that allow none: what is typed then lives as long as the page.
class Memory {
  constructor() {
    this.rows = { [MARKS]: new Map(), [OPENED]: new Map() };
  }

  async all(store) {
    return [...this.rows[store].values()].map((row) => structuredClone(row));
  }

  async change(store, key, change) {
    const name = key.join("/");
    const next = change(this.rows[store].get(name));
    if (next === null) this.rows[store].delete(name);
    else if (next) this.rows[store].set(name, structuredClone(next));
    return next;
  }
}

class Kept {
  constructor(database) {
    this.database = database;
  }

  static async open(person) {
    const request = indexedDB.open(PREFIX + person, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(MARKS, { keyPath: ["seat", "code"] });
      request.result.createObjectStore(OPENED, { keyPath: ["seat", "evidence"] });
    };
    const database = await done(request);
    database.onversionchange = () => database.close(); // somebody signs out in another window
    return new Kept(database);
  }

  all(store) {
    return done(this.database.transaction(store).objectStore(store).getAll());
  }

  // Read, decide and write in one transaction: undefined leaves the row as it is, null takes it out.
  change(store, key, change) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(store, "readwrite");
      const rows = transaction.objectStore(store);
      let next;
      const reading = rows.get(key);
      reading.onsuccess = () => {
        next = change(reading.result);
        if (next === null) rows.delete(key);
        else if (next) rows.put(next);
      };
      transaction.oncomplete = () => resolve(next);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
}

export class MarksQueue {
  constructor(person, seat, openedAddress, tell) {
    this.person = person;
    this.seat = seat;
    this.openedAddress = openedAddress;
    this.tell = tell; // called with (record or null, what happened) after every step
    this.keeps = true;
    this.busy = null;
    this.again = false;
    this.opening = Kept.open(person).catch(() => {
      this.keeps = false;
      return new Memory();
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
      this.opening = Promise.resolve(new Memory());
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
        return { ...mine, doubt: row.doubt, state: "clash", other: { ...row.fields, words: row.fields.words, revision: row.revision } };
      }
      if (row.state === "clash") return { ...row, fields, stamp };
      const base = row.stamp === seen ? Math.max(row.revision, revision) : revision;
      return { ...mine, revision: base, doubt: row.state === "saved" ? [] : row.doubt, claim: row.claim };
    });
  }

  // This person has chosen: the own text over what was saved (sent as one that has seen it), or the other one.
  async choose(code, mine) {
    return this.change(code, (row) => {
      if (row?.state !== "clash") return undefined;
      const revision = row.other.revision;
      if (mine) return { ...row, state: "waiting", revision, key: newKey(), stamp: newKey(), doubt: [], other: null };
      const { value, reason, private_note, na, words } = row.other;
      const kept = { ...row, fields: { value, reason, private_note, na, words }, revision, stamp: newKey(), other: null };
      const short = /^[\d.]+$/.test(value) ? value : words;
      return row.other.saved ? { ...kept, state: "saved", short } : { ...kept, state: "waiting", key: newKey() };
    });
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
        outcome = await this.inTurn(() => this.round());
      } while (this.again && outcome === "done");
      return outcome;
    })().finally(() => {
      this.busy = null;
    });
    return this.busy;
  }

  // On plain http browsers know no locks: two windows may then send the same save, which the portal takes as one.
  inTurn(work) {
    const name = `${PREFIX}${this.person}-${this.seat}`;
    return navigator.locks ? navigator.locks.request(name, work) : work();
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
    const answer = await this.post(row.address, { ...fields, revision: row.revision, save_key: row.key, person: this.person });
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
      if (!same) return { ...now, ...saved };
      return { ...now, ...saved, state: "saved", short: told.mark };
    }
    const current = told?.current;
    if (status === 409 && current) {
      // The save that stands there is our own, whose answer was lost: what was typed since builds on it.
      if (now.doubt.includes(current.save_key)) return { ...now, revision: told.revision, doubt: [] };
      const { value, words, reason, private_note } = current;
      const na = value === "na" ? "1" : "";
      return { ...now, state: "clash", other: { value, words, reason, private_note, na, revision: told.revision, saved: true } };
    }
    const why = told?.problems?.map((problem) => problem.message).join(" ") ?? "";
    return same ? { ...now, state: "refused", why, closed: !told } : now;
  }

  async deliverOpened() {
    const store = await this.opening;
    const rows = (await store.all(OPENED)).filter((row) => row.seat === this.seat);
    if (!rows.length) return null;
    const answer = await this.post(this.openedAddress, rows.map((row) => ["evidence", row.evidence]));
    if (typeof answer === "string") return answer;
    for (const row of rows) await store.change(OPENED, [row.seat, row.evidence], () => null);
    return null;
  }

  // {status, told}; "away" where no answer came or the portal itself failed, "signedOut", "otherPerson".
  async post(address, fields) {
    let response;
    try {
      response = await fetch(address, {
        method: "POST",
        body: new URLSearchParams(fields),
        headers: { Accept: "application/json", "X-CSRFToken": token() },
      });
    } catch {
      return "away";
    }
    if (response.status >= 500) return "away";
    const told = await response.json().catch(() => null);
    if (response.status === 401) return told?.problems?.[0]?.code === "another_person" ? "otherPerson" : "signedOut";
    // Whoever signed in anew in another window holds a new token; the next look finds it in the cookie.
    if (response.status === 403 && !told && !(await signedIn())) return "signedOut";
    return { status: response.status, told };
  }
}

async function signedIn() {
  const answer = await fetch("/notifications/", { headers: { Accept: "application/json" } }).catch(() => null);
  return answer !== null && answer.status !== 401;
}

// --- leaving ------------------------------------------------------------------------------------------------------------

// How many marks of this person wait in this browser, of whatever sheet.
export async function countUndelivered(person) {
  if (!(await exists(person))) return 0;
  const store = await Kept.open(person).catch(() => null);
  if (!store) return 0;
  const rows = await store.all(MARKS);
  store.database.close();
  return rows.filter((row) => row.state !== "saved").length;
}

async function exists(person) {
  if (!indexedDB.databases) return true;
  return (await indexedDB.databases()).some((one) => one.name === PREFIX + person);
}

// Take out what was typed on one sheet.
export async function forgetSeat(person, seat) {
  if (!(await exists(person))) return;
  const store = await Kept.open(person).catch(() => null);
  if (!store) return;
  for (const [name, key] of [[MARKS, "code"], [OPENED, "evidence"]]) {
    for (const row of await store.all(name)) if (row.seat === seat) await store.change(name, [seat, row[key]], () => null);
  }
  store.database.close();
}

// Take out everything of this person, marks and the pages that were kept for reading without a line.
export async function forget(person) {
  indexedDB.deleteDatabase(PREFIX + person);
  await forgetPages("");
}

// Take out the kept pages of one room, or of all of them.
export async function forgetPages(scope) {
  if (!("caches" in window)) return;
  for (const name of await caches.keys()) if (name.startsWith(`scoring:${scope}`)) await caches.delete(name);
}

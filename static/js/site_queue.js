// What was written, photographed and signed on site, kept in this browser until the portal has it, and sent in order, exactly
// once. One record for each act, named by a key that the portal takes once:
//   waiting  not sent yet, or sent without an answer: the same key sent again is the same act
//   clash    somebody else wrote of the same line first: this person chooses between ``fields`` and ``current``
//   refused  the portal says why not; it stays to be read until it is dismissed
// Nothing that comes after an act overtakes it: a signature is given to what was written before.

import { exists, forgetPages, inTurn, Kept, Memory, newKey, post, token, within } from "./kept_queue.js";

const PREFIX = "site-";
const ACTS = "acts";
const STORES = { [ACTS]: ["visit", "key"] };
const LOOKS = 40; // questions whether a photo that is there whole was looked into
const BETWEEN = 700; // ms

export { newKey };

export class SiteQueue {
  // addresses: record, finding, sign, withdraw, uploads, state; tell: called with (act or null, what happened).
  constructor(person, visit, addresses, tell) {
    Object.assign(this, { person, visit, addresses, tell });
    this.keeps = true;
    this.busy = null;
    this.again = false;
    this.last = 0;
    this.opening = Kept.open(PREFIX + person, STORES).catch(() => {
      this.keeps = false;
      return new Memory(STORES);
    });
  }

  // Everything of this visit, in the order in which it was done.
  async acts() {
    const rows = await (await this.opening).all(ACTS);
    return rows.filter((row) => row.visit === this.visit).sort((one, other) => one.at - other.at);
  }

  async change(key, change) {
    const store = await this.opening;
    try {
      return await store.change(ACTS, [this.visit, key], change);
    } catch (error) {
      if (store instanceof Memory) throw error;
      // No room left, or somebody signed out in another window: what comes from now on is sent from memory.
      this.keeps = false;
      const memory = new Memory(STORES);
      this.opening = Promise.resolve(memory);
      return memory.change(ACTS, [this.visit, key], change);
    }
  }

  // Keep one act. kind: record, finding, photo, withdraw, signature; fields: what its form says.
  async add(kind, line, fields, more = {}) {
    this.last = Math.max(Date.now(), this.last + 1); // two acts of one moment keep their order
    const key = more.key ?? newKey();
    const act = { visit: this.visit, key, kind, line, fields, at: this.last, state: "waiting", ...more };
    await this.change(key, () => act);
    return act;
  }

  drop(key) {
    return this.change(key, () => null);
  }

  // The own words over those that were there first, as one who has seen them; or the other's, and the own ones go.
  async choose(key, mine) {
    const act = (await this.acts()).find((one) => one.key === key);
    if (act?.state !== "clash") return;
    const following = (await this.acts()).filter((one) => one.line === act.line && one.fields.after === key);
    await this.drop(key);
    if (mine) {
      const again = newKey();
      await this.change(again, () => ({ ...act, key: again, state: "waiting", fields: { ...act.fields, after: act.current.save_key } }));
      for (const one of following) await this.change(one.key, (row) => row && { ...row, fields: { ...row.fields, after: again } });
      return;
    }
    for (const one of following) await this.change(one.key, (row) => row && { ...row, fields: { ...row.fields, after: act.current.save_key } });
  }

  // --- sending ----------------------------------------------------------------------------------------------------

  send() {
    if (this.busy) {
      this.again = true;
      return this.busy;
    }
    this.busy = (async () => {
      let outcome;
      do {
        this.again = false;
        outcome = await inTurn(`${PREFIX}${this.person}-${this.visit}`, () => this.round());
      } while (this.again && outcome === "done");
      this.tell(null, outcome);
      return outcome;
    })().finally(() => {
      this.busy = null;
    });
    return this.busy;
  }

  // "done", or why nothing more can be sent now: "away", "signedOut", "otherPerson", "checking".
  async round() {
    for (const act of await this.acts()) {
      if (act.state === "clash") {
        if ((await this.acts()).some((one) => one.kind === "signature" && one.state === "waiting")) return "clash";
        continue;
      }
      if (act.state !== "waiting") continue;
      const now = (await this.acts()).find((one) => one.key === act.key);
      if (now?.state !== "waiting") continue;
      this.tell(now, "sending");
      const outcome = now.kind === "photo" ? await this.sendPhoto(now) : await this.sendWords(now);
      if (outcome !== "done") return outcome;
    }
    return "done";
  }

  async sendWords(act) {
    const address = act.address ?? this.addresses[act.kind];
    const answer = await post(address, { ...act.fields, save_key: act.key, person: this.person });
    if (typeof answer === "string") return answer;
    return this.answered(act, answer);
  }

  async answered(act, { status, told }) {
    if (status === 200) {
      await this.drop(act.key);
      this.tell(act, "saved");
      return "done";
    }
    if (status === 429) return "away";
    const current = told?.current;
    const clash = status === 409 && current && act.kind !== "signature";
    const why = told?.problems?.map((problem) => problem.message).join(" ") ?? "";
    const next = await this.change(act.key, (row) => row && { ...row, state: clash ? "clash" : "refused", current, why, closed: !told });
    this.tell(next ?? act, clash ? "clash" : "refused");
    return "done";
  }

  // What the portal knows of the photos of this person; a word as ``post`` where it cannot tell.
  async state() {
    const answer = await fetch(this.addresses.state, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer || answer.status >= 500) return "away";
    if (answer.status === 401 || answer.redirected) return "signedOut";
    const told = await answer.json().catch(() => null);
    if (!told) return answer.status === 403 || answer.status === 404 ? "signedOut" : "away";
    return String(told.person) === this.person ? told : "otherPerson";
  }

  async sendPhoto(act) {
    let told = await this.state();
    if (typeof told === "string") return told;
    const there = told.coming[act.key];
    if (!told.photos.includes(act.key) && !["checking", "taken", "refused"].includes(there?.state)) {
      const outcome = await this.carry(act, there?.address);
      if (outcome !== "sent") return outcome;
    }
    for (let look = 0; look < LOOKS; look += 1) {
      told = await this.state();
      if (typeof told === "string") return told;
      if (told.photos.includes(act.key)) return this.answered(act, { status: 200 });
      const coming = told.coming[act.key];
      if (coming?.state === "refused") {
        if (!(await this.forgetUpload(coming.address))) return "away";
        return this.answered(act, { status: 422, told: { problems: coming.problems.map((message) => ({ message })) } });
      }
      await new Promise((resolve) => setTimeout(resolve, BETWEEN));
    }
    return "checking";
  }

  async forgetUpload(address) {
    const headers = { "X-CSRFToken": token(), "Tus-Resumable": "1.0.0" };
    const answer = await fetch(address, { method: "DELETE", headers }).catch(() => null);
    return Boolean(answer);
  }

  // By tus, going on where an earlier attempt was cut: "sent", "done" where it was refused, else as ``round``.
  carry(act, address) {
    const { caption, line, sha256, said } = { line: act.line, ...act.fields };
    const words = { caption, line, sha256, ...said, filename: act.name, purpose: "site_photo", key: act.key, person: this.person };
    const metadata = { application: String(this.visit), ...Object.fromEntries(Object.entries(words).filter(([, text]) => text)) };
    return new Promise((resolve) => {
      const upload = new window.tus.Upload(act.blob, {
        endpoint: this.addresses.uploads,
        uploadUrl: address ?? null,
        metadata,
        storeFingerprintForResuming: false,
        retryDelays: [0, 1000],
        headers: { "X-CSRFToken": token() },
        onShouldRetry: (error) => (error.originalResponse?.getStatus() ?? 0) === 423,
        onError: (error) => this.stopped(act, error).then(resolve),
        onSuccess: () => resolve("sent"),
      });
      upload.start();
    });
  }

  async stopped(act, error) {
    const response = error.originalResponse;
    const status = response?.getStatus() ?? 0;
    if (!status || status >= 500 || [404, 409, 410, 423, 429].includes(status)) return "away"; // the next round asks anew
    const state = await this.state();
    if (typeof state === "string") return state;
    let told = null;
    try {
      told = JSON.parse(response.getBody());
    } catch {
      // no words: the page says so in its own
    }
    return this.answered(act, { status, told });
  }
}

// --- leaving ------------------------------------------------------------------------------------------------------------

// How many acts of this person wait in this browser, of whatever visit.
export function countUndelivered(person) {
  return within(PREFIX + person, STORES, 0, async (store) => (await store.all(ACTS)).filter((row) => row.state !== "refused").length);
}

// Take out everything of this person, acts and the pages that were kept for reading without a line.
export async function forget(person) {
  if (await exists(PREFIX + person)) indexedDB.deleteDatabase(PREFIX + person);
  await forgetPages("");
}

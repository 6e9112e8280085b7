// What several pages share that keep something in this browser until the portal has it: a database bound to one person, keys
// that name one sending, posting that tells a cut line from an answer, and windows that take turns.

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

export function token() {
  return document.cookie.split("; ").find((one) => one.startsWith("csrftoken="))?.slice("csrftoken=".length) ?? "";
}

// The same few calls as on the database, for browsers that allow none: what is typed then lives as long as the page.
export class Memory {
  constructor(stores) {
    this.rows = Object.fromEntries(Object.keys(stores).map((name) => [name, new Map()]));
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

export class Kept {
  constructor(database) {
    this.database = database;
  }

  // stores: name -> the fields that name a row.
  static async open(name, stores) {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const [store, keyPath] of Object.entries(stores)) request.result.createObjectStore(store, { keyPath });
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

export async function exists(name) {
  if (!indexedDB.databases) return true;
  return (await indexedDB.databases()).some((one) => one.name === name);
}

// Work on what is kept under a name, if anything is, without keeping it open; ``otherwise`` where nothing is.
export async function within(name, stores, otherwise, work) {
  if (!(await exists(name))) return otherwise;
  const store = await Kept.open(name, stores).catch(() => null);
  if (!store) return otherwise;
  try {
    return await work(store);
  } finally {
    store.database.close();
  }
}

// On plain http browsers know no locks: two windows may then send the same thing, which the portal takes as one.
export function inTurn(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}

// {status, told}; "away" where no answer came or the portal itself failed, "signedOut", "otherPerson".
export async function post(address, fields) {
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

async function signedIn() {
  const answer = await fetch("/notifications/", { headers: { Accept: "application/json" } }).catch(() => null);
  return answer !== null && answer.status !== 401;
}

// Take out the kept pages of one place, or of all of them.
export async function forgetPages(scope) {
  if (!("caches" in window)) return;
  for (const name of await caches.keys()) if (name.startsWith(`scoring:${scope}`)) await caches.delete(name);
}

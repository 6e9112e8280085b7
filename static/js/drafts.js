// What was typed and is not saved yet, kept in this browser: for one person, one place, until it is saved.
// Whoever signs out takes everything along; nothing of another person is ever shown, and nothing is kept longer than a week.

const PREFIX = "draft:";
const WEEK = 7 * 24 * 3600 * 1000;

export const person = document.body.dataset.person ?? "";

// A browser that forbids storage keeps no drafts; everything else works.
function opened() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
const storage = opened();

function names() {
  return Object.keys(storage ?? {}).filter((name) => name.startsWith(PREFIX));
}

export function keep(place, draft) {
  if (!person) return;
  try {
    storage.setItem(`${PREFIX}${person}:${place}`, JSON.stringify({ ...draft, page: location.pathname, at: Date.now() }));
  } catch {
    // The browser keeps nothing (a private window, no room): what is typed still stands on the page and is sent.
  }
}

export function read(place) {
  try {
    return JSON.parse(storage.getItem(`${PREFIX}${person}:${place}`));
  } catch {
    return null;
  }
}

export function drop(place) {
  storage?.removeItem(`${PREFIX}${person}:${place}`);
}

// [place, draft] of everything that this person typed on this page and that is not saved.
export function ofThisPage() {
  const mine = `${PREFIX}${person}:`;
  const places = person ? names().filter((name) => name.startsWith(mine)).map((name) => name.slice(mine.length)) : [];
  return places.map((place) => [place, read(place)]).filter(([, draft]) => draft?.page === location.pathname);
}

export function clock(moment) {
  return new Date(moment).toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false });
}

// What must be done before somebody leaves: functions that save and tell whether everything is saved.
export const leaving = [];

for (const name of names()) {
  try {
    if (Date.now() - JSON.parse(storage.getItem(name)).at > WEEK) storage.removeItem(name);
  } catch {
    storage.removeItem(name);
  }
}

// Of somebody who was here before and did not sign out, the pages kept for reading without a line go: nobody else reads
// them. What that person has typed and not sent stays, named after its owner, until its owner is back.
const LAST = "last-person";

function takeOver() {
  const last = storage?.getItem(LAST);
  if (!person || last === person) return;
  if (last) import("./kept_queue.js").then((kept) => kept.forgetPages(""));
  try {
    storage?.setItem(LAST, person);
  } catch {
    // no room: asked again on the next page
  }
}

takeOver();

document.querySelector("form[data-sign-out]")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const saved = await Promise.all(leaving.map((save) => save()));
  const queues = await Promise.all([import("./marks_queue.js"), import("./site_queue.js")]).catch(() => []);
  const waiting = await Promise.all(queues.map((queue) => queue.countUndelivered(person)));
  const unsaved = saved.includes(false) || waiting.some((count) => count > 0);
  if (unsaved && !confirm(form.dataset.unsaved)) return;
  for (const queue of queues) await queue.forget(person);
  for (const name of names().filter((one) => one.startsWith(`${PREFIX}${person}:`))) storage.removeItem(name);
  form.submit();
});

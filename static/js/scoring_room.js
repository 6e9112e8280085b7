// The scoring room: items turn without loading the page, every change is kept and sent by itself, keys for everything.
// Without this script the same page works by its links and its form.

import { drop, keep, leaving, ofThisPage, person } from "./drafts.js";
import { MarksQueue } from "./marks_queue.js";
import { viewerOf } from "./proof_viewer.js";
import { Ahead } from "./room_ahead.js";
import { areVersionsShown, hideVersions, showVersions, stampsOfChoice } from "./room_clash.js";

const room = document.getElementById("room");
const words = room.dataset;
const editable = "editable" in words;
const line = document.getElementById("line");
const help = document.getElementById("help");
const viewerWords = { page: words.pageWords };
const DRAFT = "scoring:";
const TYPING = 800; // ms without typing before a text is sent
const RETRY = 5000; // ms between looks whether what waits can go
const links = [...room.querySelectorAll(".tree a[data-code]")];

let turns = 0;
let viewer = null;
const stamps = new Map(); // code -> of the record that the page shows of it
const unwritten = new Map(); // code -> what was typed of it and is not in the browser's database yet
const pressed = []; // keys that wait while the page turns
let turningNow = 0;
let typing = Promise.resolve();
let timer = 0;
let lineIs = "done";

const queue = new MarksQueue(person, Number(words.seat), words.opened, told);
const fill = (sentence, n) => sentence.replace("{n}", n);
const part = () => document.getElementById("mark-part");
const form = () => document.getElementById("mark");
const code = () => part().dataset.code;
const ahead = new Ahead(room, links, code, addressOf);
const linkOf = (one) => links.find((link) => link.dataset.code === one);

// --- the form -----------------------------------------------------------------------------------------------------------

function say(text, good) {
  const said = document.createElement("span");
  said.className = good ? "saved" : "unsaved";
  said.textContent = text;
  document.getElementById("status").replaceChildren(...(text ? [said] : []));
}

function typed() {
  const fields = new FormData(form());
  const na = fields.get("na") ?? (fields.get("value") === "na" ? "1" : "");
  const value = na ? "na" : (fields.get("value") ?? "");
  const chosen = form().querySelector("[name=value]:checked, [name=na]:checked");
  const label = chosen?.closest("label").cloneNode(true);
  label?.querySelector("kbd")?.remove();
  return {
    value: na ? "" : value,
    na,
    reason: fields.get("reason") ?? "",
    private_note: fields.get("private_note") ?? "",
    words: label?.textContent.trim() || value || words.unmarked,
  };
}

function write(fields) {
  const value = fields.na ? "na" : (fields.value ?? "");
  for (const box of form().querySelectorAll("[name=value]")) {
    if (box.type === "radio") box.checked = box.value === value;
    else box.value = value === "na" ? "" : value;
  }
  const na = form().querySelector("[type=checkbox][name=na]");
  if (na) na.checked = Boolean(fields.na);
  form().elements.reason.value = fields.reason ?? "";
  form().elements.private_note.value = fields.private_note ?? "";
  if (fields.private_note) form().elements.private_note.closest("details").open = true;
  showOwes();
}

// A judgement within a range, and every mark that wins nothing, needs words: as the portal says it when one signs.
function owesReason(fields, asks) {
  const value = fields.na ? "na" : fields.value;
  const needs = asks || value === "na" || value === "false" || (value !== "" && Number(value) === 0);
  return value !== "" && needs && !fields.reason.trim();
}

function showOwes() {
  document.getElementById("owes").hidden = !owesReason(typed(), "asksReason" in form().dataset);
}

function touch(wait) {
  if (!editable) return;
  const { save: address } = form().dataset;
  const item = { code: code(), address, revision: Number(form().elements.revision.value), asks: "asksReason" in form().dataset };
  showOwes();
  say(words.saving, true);
  const isQueued = unwritten.has(item.code);
  unwritten.set(item.code, { item, fields: typed() });
  keepAtOnce(item.code);
  if (!isQueued) typing = typing.then(() => writeDown(item.code));
  clearTimeout(timer);
  timer = setTimeout(sendNow, wait);
}

// The browser's database takes a moment, in which the page may be closed: until then what was typed stands in a draft.
const draftOf = (one) => `${DRAFT}${words.seat}:${one}`;
const keepAtOnce = (one) => keep(draftOf(one), { ...unwritten.get(one), seen: stamps.get(one) ?? "" });

async function writeDown(one) {
  const { item, fields } = unwritten.get(one);
  unwritten.delete(one);
  const record = await queue.type(item, fields, stamps.get(one) ?? "");
  stamps.set(one, record.stamp);
  if (unwritten.has(one)) keepAtOnce(one);
  else drop(draftOf(one));
  showInTree(record);
  if (record.state === "clash" && one === code()) showClash(record);
  if (!queue.keeps) say(words.unkept, false);
}

async function takeUpDrafts() {
  for (const [place, draft] of ofThisPage().filter(([name]) => name.startsWith(DRAFT))) {
    await queue.type(draft.item, draft.fields, draft.seen);
    drop(place);
  }
}

function sendNow() {
  clearTimeout(timer);
  timer = 0;
  return typing.then(() => queue.send());
}

// --- what became of it --------------------------------------------------------------------------------------------------

function told(record, what) {
  if (record && what !== "sending") {
    showInTree(record);
    if (record.code === code()) showRecord(record);
  }
  if (!record) showLine(what);
}

function showRecord(record) {
  hideVersions(record.state !== "clash");
  if (record.state === "saved" && record.stamp === stamps.get(record.code)) {
    form().elements.revision.value = record.revision;
    say(`${words.saved} ${record.saved_at ?? ""}`, true);
    if (record.claim) document.getElementById("claim").innerHTML = record.claim;
  } else if (record.state === "clash") showClash(record);
  else if (record.state === "refused") say(record.closed ? words.closed : words.failed + record.why, false);
}

function showClash(record) {
  say("", true);
  showVersions(record, stamps.get(record.code), words);
}

async function choose(mine) {
  clearTimeout(timer);
  await typing; // the click itself ends what was being written
  const [keeps, gives] = stampsOfChoice(mine);
  const record = (await queue.choose(code(), keeps, gives)) ?? (await queue.record(code()));
  hideVersions();
  if (!record) return;
  showInTree(record);
  stamps.set(record.code, record.stamp);
  write(record.fields);
  form().elements.revision.value = record.revision;
  if (record.state === "clash") showClash(record);
  else say(record.state === "saved" ? words.saved : words.saving, true);
  sendNow();
}

// Another window of this browser may have typed of the item on the screen, or have chosen: looked at now and then.
async function lookAround() {
  const record = await queue.record(code());
  const shown = areVersionsShown();
  if (record?.code !== code() || timer || unwritten.size) return;
  if (record.state === "clash" && !shown) showClash(record);
  else if (record.state !== "clash" && shown) {
    hideVersions();
    await overlay();
  }
}

function showInTree(record) {
  const link = linkOf(record.code);
  if (!link) return;
  const tag = link.nextElementSibling;
  const marked = record.fields.na || record.fields.value !== "";
  const required = "required" in link.dataset;
  const state = !marked ? (required ? "open" : "free") : owesReason(record.fields, record.asks) ? "owes" : "done";
  const said = { saved: record.short || words.unmarked, waiting: words.held, clash: words.clash, refused: words.clash }[record.state];
  tag.textContent = state === "open" && record.state === "saved" ? words.unmarked : state === "owes" ? `${said} · ${words.owes}` : said;
  const loud = state === "open" || state === "owes" || record.state === "clash" || record.state === "refused";
  tag.className = `tag ${loud ? "wait" : record.state === "saved" && marked ? "ok" : "plain"}`;
  tag.dataset.state = state;
  link.dataset.revision = record.revision;
  count();
}

function count() {
  const required = links.filter((link) => "required" in link.dataset);
  const done = (some) => some.filter((link) => ["done", "owes"].includes(link.nextElementSibling.dataset.state)).length;
  document.getElementById("progress").value = done(required);
  document.getElementById("done").textContent = done(required);
  for (const chapter of room.querySelectorAll(".treepart")) {
    const counter = chapter.querySelector("[data-count]");
    const some = required.filter((link) => chapter.contains(link));
    if (!counter) continue;
    counter.textContent = `${done(some)} / ${some.length}`;
    counter.className = done(some) === some.length ? "saved" : "muted";
  }
}

async function showLine(outcome) {
  lineIs = outcome;
  const waiting = (await queue.undelivered()).filter((row) => row.state === "waiting").length;
  const said = {
    away: waiting ? fill(words.away, waiting) : words.awayNone,
    signedOut: fill(words.signedOut, waiting),
    otherPerson: fill(words.otherPerson, waiting),
  }[outcome];
  line.hidden = !said;
  line.replaceChildren(...(said ? [said] : []));
  if (outcome === "away" && waiting && timer === 0) say(words.waiting, false);
  if (outcome !== "signedOut" && outcome !== "otherPerson") return;
  const link = document.createElement("a");
  link.href = `${words.signIn}?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = words.signInWords;
  line.append(" ", link);
}

// --- turning to another item --------------------------------------------------------------------------------------------

function addressOf(item, evidence = "", page = "") {
  const query = new URLSearchParams({ item, ...(evidence ? { evidence } : {}), ...(page ? { page } : {}) });
  return `${location.pathname}?${query}`;
}

// The item as a piece of the page, and whether it is an older copy.
async function read(address, one) {
  try {
    const response = await fetch(`${address}&fragment=item`, { headers: { Accept: "application/json" } });
    if (response.redirected) location.assign(response.url); // the sheet is signed
    if (response.status === 401) showLine("signedOut");
    if (response.ok) return { text: await response.text(), kept: response.headers.has("X-Kept") };
  } catch {
    showLine("away");
  }
  return ahead.items.has(one) ? { text: ahead.items.get(one), kept: true } : null;
}

// While the page turns, keys wait for the item that comes: nobody's quick mark lands on the one that goes.
async function turning(work) {
  turningNow += 1;
  try {
    await work();
  } finally {
    turningNow -= 1;
    while (!turningNow && pressed.length) act(pressed.shift());
  }
}

const goTo = (address, how = {}) => turning(() => turnTo(address, how));

async function turnTo(address, { push = true, focus = true } = {}) {
  const asked = new URL(address, location.href).searchParams;
  const one = asked.get("item") ?? "";
  const turn = ++turns;
  if (timer) sendNow();
  await typing;
  const found = await read(addressOf(one, asked.get("evidence") ?? "", asked.get("page") ?? ""), one);
  if (turn !== turns) return;
  if (!found) {
    if (lineIs === "away") say(words.unread, false);
    return;
  }
  const drawn = new DOMParser().parseFromString(found.text, "text/html");
  for (const id of ["mark-part", "paper"]) document.getElementById(id).replaceWith(drawn.getElementById(id));
  if (push) history.pushState(null, "", address);
  await begin(found.kept);
  if (focus) showTitle();
}

function showTitle() {
  const title = document.getElementById("item-title");
  title.focus({ preventScroll: true });
  const { top, bottom } = title.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) title.scrollIntoView();
}

// What a freshly drawn item needs: what waits for it in this browser, its proof, its place among the others.
async function begin(kept = false) {
  stamps.delete(code());
  for (const link of links) {
    const here = link.dataset.code === code();
    link.closest("li").classList.toggle("now", here);
    if (here) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (here) for (let fold = link.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  }
  showPlace();
  for (const button of part().querySelectorAll("[data-help]")) button.hidden = false;
  viewer = viewerOf(room, viewerWords);
  const proof = document.getElementById("paper").querySelector("[data-proof]")?.dataset.proof;
  if (proof && kept && editable) queue.noteOpened(Number(proof));
  if (editable) await overlay();
}

function showPlace() {
  const tree = document.getElementById("items");
  const now = tree.querySelector(".now");
  if (!now || tree.scrollHeight <= tree.clientHeight) return;
  const offset = now.getBoundingClientRect().top - tree.getBoundingClientRect().top;
  if (offset < 40 || offset > tree.clientHeight - 60) tree.scrollTop += offset - tree.clientHeight / 2;
}

async function overlay() {
  const shown = code();
  const record = await queue.record(shown);
  if (!record || shown !== code()) return;
  const revision = Number(form().elements.revision.value);
  if (record.state === "saved" && revision > record.revision) {
    await queue.change(shown, (now) => (now?.state === "saved" ? null : undefined)); // saved elsewhere since
    return;
  }
  stamps.set(shown, record.stamp);
  write(record.fields);
  form().elements.revision.value = record.revision;
  if (record.claim) document.getElementById("claim").innerHTML = record.claim;
  if (record.state === "waiting") say(lineIs === "done" ? words.saving : words.waiting, lineIs === "done");
  else showRecord(record);
}

function openLinks(state) {
  const place = links.findIndex((link) => link.dataset.code === code());
  const turned = [...links.slice(place + 1), ...links.slice(0, place + 1)];
  return turned.find((link) => link.nextElementSibling.dataset.state === state);
}

const nextOpen = () =>
  turning(async () => {
    await typing;
    const link = openLinks("open") ?? openLinks("owes");
    if (link && link.dataset.code !== code()) return turnTo(link.href);
    pressed.length = 0;
    return link ? showTitle() : toSignature();
  });

function step(by) {
  const place = links.findIndex((link) => link.dataset.code === code()) + by;
  if (links[place]) goTo(links[place].href);
}

// --- the signature ------------------------------------------------------------------------------------------------------

async function toSignature() {
  const box = document.getElementById("sign");
  await sendNow();
  const response = await fetch(`${location.pathname}?fragment=sign`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (response?.ok && !response.redirected) box.innerHTML = await response.text();
  else if (!response) hold(words.noLine);
  box.scrollIntoView({ block: "center" });
  box.querySelector("form input:not([type=hidden]), form button")?.focus();
}

function hold(sentence) {
  const note = document.querySelector("#sign [data-hold]");
  if (!note) return;
  note.textContent = sentence;
  note.hidden = !sentence;
}

document.getElementById("sign").addEventListener("submit", async (event) => {
  event.preventDefault();
  const signing = event.target;
  const outcome = await sendNow();
  const left = await queue.undelivered();
  if (left.length) hold(fill(words.hold, left.length));
  else if (outcome === "away") hold(words.noLine);
  else signing.submit();
});

// --- keys and clicks ----------------------------------------------------------------------------------------------------

function press(key) {
  if (!editable) return;
  const box = form().querySelector(`[data-key="${CSS.escape(key)}"]`);
  const number = form().querySelector("[type=number][name=value]");
  if (box?.type === "checkbox") box.checked = !box.checked;
  else if (box) box.checked = true;
  else if (number && key !== "x") {
    number.value = key; // the first digit of what is typed now
    number.focus();
    touch(TYPING);
    return;
  } else return;
  box.focus();
  touch(0);
}

function writeIn(name) {
  const text = form().elements[name];
  const fold = text.closest("details");
  if (fold) fold.open = true;
  text.focus();
}

const KEYS = {
  "?": () => (help.open ? help.close() : help.showModal()),
  n: nextOpen,
  j: () => step(1),
  k: () => step(-1),
  r: () => editable && writeIn("reason"),
  p: () => editable && writeIn("private_note"),
  "[": () => document.getElementById("evidence-before")?.click(),
  "]": () => document.getElementById("evidence-after")?.click(),
  ",": () => viewer?.turn(-1),
  ".": () => viewer?.turn(1),
  "+": () => viewer?.zoom(1),
  "=": () => viewer?.zoom(1),
  "-": () => viewer?.zoom(-1),
};

// Whoever speaks to the computer, or whose hand slips, can do without single keys (WCAG 2.2, 2.1.4).
const single = help.querySelector("[data-single-keys]");
single.checked = localStorage.getItem("single-keys") !== "off";
single.addEventListener("change", () => localStorage.setItem("single-keys", single.checked ? "on" : "off"));

document.addEventListener("keydown", (event) => {
  const writing = event.target.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=number])");
  const number = event.target.matches("[type=number]");
  if (event.key === "Enter" && event.ctrlKey && event.target.closest("#mark")) {
    event.preventDefault();
    event.target.blur();
    nextOpen();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (writing || number) {
    if (event.key === "Escape") event.target.blur();
    if (writing || /^[0-9.,+=-]$/.test(event.key)) return; // these belong to a number that is typed
  }
  if (!single.checked) return;
  const key = event.key.toLowerCase();
  if ((help.open && key !== "?") || !(KEYS[key] || /^[0-9x]$/.test(key))) return;
  event.preventDefault();
  if (turningNow) pressed.push(key);
  else act(key);
});

function act(key) {
  if (KEYS[key]) KEYS[key]();
  else press(key);
}

room.addEventListener("click", (event) => {
  const keep = event.target.closest("[data-keep]");
  if (keep) choose(keep.dataset.keep === "mine");
  if (event.target.closest("[data-help]")) help.showModal();
});

// Links to items turn here; with a modifier, or to anywhere else, they are links.
document.querySelector("main").addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="?item="]');
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.id === "next-unmarked") nextOpen();
  else goTo(link.getAttribute("href"), { focus: !link.closest("#paper") });
});

room.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  event.preventDefault();
  touch(0);
  if (event.submitter?.value !== "stay") nextOpen();
});

room.addEventListener("change", (event) => {
  if (event.target.closest("#mark")) touch(event.target.matches("textarea") ? 0 : 100);
});

room.addEventListener("input", (event) => {
  if (event.target.matches("#mark textarea, #mark [type=number]")) touch(TYPING);
});

addEventListener("popstate", () => goTo(location.href, { push: false }));

// --- the line -----------------------------------------------------------------------------------------------------------

// Send what waits; where nothing does, find out whether the portal answers again and knows this person.
async function look() {
  if (editable) await lookAround();
  if ((await queue.undelivered()).some((row) => row.state === "waiting")) await queue.send();
  else if (lineIs !== "done") {
    const address = `${location.pathname}?fragment=sign`;
    const response = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
    await showLine(!response || response.status >= 500 ? "away" : response.status === 401 ? "signedOut" : "done");
  }
  if (lineIs === "done") ahead.fetch();
}

addEventListener("offline", () => showLine("away"));
addEventListener("online", look);
addEventListener("pagehide", () => timer && sendNow());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && lineIs !== "done" && look());
setInterval(look, RETRY);
leaving.push(async () => {
  await sendNow();
  return (await queue.undelivered()).length === 0;
});

async function start() {
  if (editable) await takeUpDrafts();
  const wanted = new URL(location.href).searchParams.get("item");
  for (const record of editable ? await queue.records() : []) {
    const link = linkOf(record.code);
    if (!link) continue;
    if (record.state !== "saved" || record.revision > Number(link.dataset.revision)) showInTree(record);
  }
  if (wanted && wanted !== code() && linkOf(wanted)) await goTo(location.href, { push: false, focus: false });
  else {
    if (!wanted) history.replaceState(null, "", addressOf(code()) + location.hash);
    await begin();
  }
  room.dataset.ready = "yes";
  if (!editable) return;
  await queue.send();
  await ahead.begin();
}

start();

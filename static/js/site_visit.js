// The record of a site visit on a telephone: every form of the page is kept in this browser first and sent when there is a
// line; photos with their hash, hour and place; signatures drawn on the glass. Without this script the forms work by themselves.

import { drop, keep, leaving, ofThisPage, person } from "./drafts.js";
import { newKey, SiteQueue } from "./site_queue.js";
import { SignaturePane } from "./signature_pane.js";
import { sha256 } from "../vendor/noble-hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "../vendor/noble-hashes/utils.js";

const box = document.getElementById("visit"); // only for whoever writes the record
const words = box?.dataset ?? {};
const line = document.getElementById("line");
const RETRY = 5000; // ms between looks whether what waits can go
const PATIENCE = 20000; // ms that the worker has to keep the page
const LOCATING = 8000; // ms that a telephone has to say where it is
const MOVED = 60000; // ms for which an earlier position is still the place
const WHY_NO_PLACE = { 1: "denied", 2: "unavailable", 3: "timeout" };
const SAID = ["at", "latitude", "longitude", "accuracy", "no_place"];
const DRAFT = "site:";

const fill = (sentence, n) => sentence.replace("{n}", n);
const hashOf = (bytes) => bytesToHex(sha256(bytes));
const now = () => new Date().toISOString();
const queue = box ? new SiteQueue(person, Number(words.visit), words, told) : null;
const locating = new Map(); // key of a photo -> the telephone is still saying where it was taken
let lineIs = "done";
let delivered = 0;
let unsent = 0; // acts that wait here

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// --- what is done on the page -------------------------------------------------------------------------------------------

// The version on which the next one of a line builds: the last that waits here, else the one that the page shows.
async function builtOn(key) {
  const waiting = (await queue.acts()).filter((act) => act.line === key && ["record", "finding"].includes(act.kind));
  return waiting.at(-1)?.key ?? document.getElementById(`said-${key.replace(":", "-")}`)?.dataset.after ?? "";
}

async function written(form) {
  const fields = Object.fromEntries([...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken"));
  if (!form.dataset.line) form.reset(); // at once: whoever is quick is typing the next one already
  const kind = form.dataset.act;
  const key = form.dataset.line || (kind === "finding" ? `${fields.seen ? "own" : "doubt"}:${newKey()}` : "");
  if (kind === "finding") fields.line = key;
  if (kind !== "withdraw") fields.after = await builtOn(key);
  await queue.add(kind, key, { ...fields, said_at: now() });
  dropDraft(form);
}

// Where a photo is taken is asked while it is already kept: whoever closes the page loses the place, never the photo.
function place() {
  if (!navigator.geolocation) return Promise.resolve({ no_place: "unsupported" });
  return new Promise((resolve) => {
    const found = ({ coords }) =>
      resolve({ latitude: coords.latitude.toFixed(6), longitude: coords.longitude.toFixed(6), accuracy: String(Math.min(Math.round(coords.accuracy), 9999999)) });
    const none = (error) => resolve({ no_place: WHY_NO_PLACE[error.code] ?? "unavailable" });
    navigator.geolocation.getCurrentPosition(found, none, { enableHighAccuracy: true, timeout: LOCATING, maximumAge: MOVED });
    setTimeout(() => resolve({ no_place: "timeout" }), LOCATING + 500);
  });
}

async function photographed(form) {
  const file = form.querySelector("input[type=file]").files[0];
  if (!file) return form.querySelector("input[type=file]").focus();
  const at = now();
  const caption = (new FormData(form).get("caption") ?? "").trim();
  form.reset(); // at once: whoever is quick is choosing the next one already
  const blob = new Blob([await file.arrayBuffer()], { type: file.type });
  const digest = hashOf(new Uint8Array(await blob.arrayBuffer()));
  const said = { at, no_place: "timeout" };
  const key = newKey();
  const found = place().then((where) => {
    locating.delete(key);
    return queue.change(key, (row) => row && { ...row, fields: { ...row.fields, said: { at, ...where } }, state: "waiting" });
  });
  locating.set(key, found);
  await queue.add("photo", form.dataset.line ?? "", { caption, sha256: digest, said }, { key, blob, name: file.name, state: "locating" });
  found.then(() => changed());
}

// --- signing ------------------------------------------------------------------------------------------------------------

// What a signature is given to: the record of the portal as this page shows it, with what waits here.
async function contentHash() {
  await Promise.all(locating.values());
  const content = JSON.parse(document.getElementById("signed").dataset.content);
  const entries = new Map(content.entries.map((row) => [row[0], row]));
  const photos = new Map(content.photos.map((row) => [row[0], row]));
  for (const act of queue ? await queue.acts() : []) {
    const { fields } = act;
    if (act.state === "refused") continue;
    if (act.kind === "record") entries.set("record", ["record", "", "", fields.summary.trim(), fields.visited_on]);
    if (act.kind === "finding" && fields.seen) entries.set(act.line, [act.line, fields.item_code ?? "", fields.seen, fields.text.trim(), ""]);
    if (act.kind === "photo") photos.set(act.key, [act.key, fields.sha256, act.line, fields.caption, ...SAID.map((name) => fields.said[name] ?? "")]);
    if (act.kind === "withdraw") photos.delete(fields.photo);
  }
  const byName = (rows) => [...rows.values()].sort((one, other) => (one[0] < other[0] ? -1 : 1));
  const whole = { application: content.application, entries: byName(entries), photos: byName(photos) };
  return hashOf(utf8ToBytes(JSON.stringify(whole)));
}

function paneOf(form) {
  const part = form.querySelector(".pane");
  part.hidden = false;
  const saying = form.querySelector("[data-said]");
  const pane = new SignaturePane(part.querySelector("canvas"), () => {
    form.elements.strokes.value = pane.strokes.length ? JSON.stringify(pane.strokes) : "";
    saying.hidden = true;
  });
  part.querySelector("[data-clear]").addEventListener("click", () => pane.clear());
  form.addEventListener("submit", (event) => signing(event, form, pane, saying));
}

// Drawn: kept and sent like everything else. With a password in its place: sent by the form itself, never kept.
async function signing(event, form, pane, saying) {
  if (!queue || !pane.strokes.length) {
    const byPassword = Boolean(form.elements.password?.value);
    if (pane.strokes.length || (byPassword && !unsent)) return;
    event.preventDefault();
    saying.textContent = (byPassword ? words.hold : words.undrawn) ?? form.querySelector(".pane p").textContent;
    saying.hidden = false;
    return;
  }
  event.preventDefault();
  if (!form.reportValidity()) return;
  const fields = Object.fromEntries([...new FormData(form)].filter(([name]) => !["csrfmiddlewaretoken", "password"].includes(name)));
  fields.said_at = now();
  pane.clear();
  form.reset();
  fields.content_sha256 = await contentHash();
  await queue.add("signature", "", fields);
  await changed();
}

// --- what waits ---------------------------------------------------------------------------------------------------------

function nameOf(act) {
  const title = document.querySelector(`[data-line="${CSS.escape(act.line)}"] > summary > span`)?.textContent;
  const kind = { photo: words.photoWords, signature: words.signatureWords, withdraw: words.withdrawWords, record: words.recordWords }[act.kind];
  return [kind, act.line !== "record" && title, act.fields.text ?? act.fields.caption ?? act.fields.name ?? ""].filter(Boolean).join(" · ");
}

function versions(act) {
  const part = element("div", "", { class: "versions" });
  const texts = [[words.mine, act.fields, true], [words.theirs, act.current, false]];
  for (const [label, fields, mine] of texts) {
    const one = element("div");
    const said = document.querySelector(`[name=seen][value="${fields.seen}"]`)?.closest("label")?.textContent.trim() ?? "";
    one.append(element("b", label), element("p", [said, fields.visited_on, fields.text ?? fields.summary].filter(Boolean).join("：") || words.nothing));
    const button = element("button", mine ? words.keepMine : words.keepTheirs, { type: "button", class: "btn small quiet" });
    button.addEventListener("click", async () => {
      await queue.choose(act.key, mine);
      await refresh();
      await changed();
    });
    one.append(button);
    part.append(one);
  }
  return part;
}

function shown(act) {
  const row = element("li", "", { "data-key": act.key });
  const tag = { clash: [words.clash, "late"], refused: [words.refused, "late"] }[act.state] ?? [words.waiting, "wait"];
  row.append(element("span", tag[0], { class: `tag ${tag[1]}` }), " ", element("span", nameOf(act)));
  if (act.state === "clash") row.append(element("p", words.clashWords), versions(act));
  if (act.state === "refused") {
    const away = element("button", words.dismiss, { type: "button", class: "link" });
    away.addEventListener("click", () => queue.drop(act.key).then(show));
    row.append(" ", element("span", act.closed ? words.closed : act.why, { class: "unsaved" }), " ", away);
  }
  return row;
}

async function show() {
  const acts = await queue.acts();
  box.hidden = !acts.length;
  unsent = acts.filter((act) => act.state !== "refused").length;
  document.getElementById("waiting-count").textContent = acts.length || "";
  document.getElementById("queue").replaceChildren(...acts.map(shown));
  showLine(unsent);
}

function showLine(n) {
  const sentences = {
    away: n ? fill(words.away, n) : words.awayNone,
    signedOut: fill(words.signedOut, n),
    otherPerson: fill(words.otherPerson, n),
    clash: words.clashFirst,
    checking: fill(words.checking, n),
  };
  const text = queue.keeps ? (sentences[lineIs] ?? "") : words.unkept;
  line.hidden = !text;
  line.replaceChildren(element("span", text));
  if (lineIs === "signedOut") line.append(" ", element("a", words.signInWords, { href: `${words.signIn}?next=${encodeURIComponent(location.pathname)}` }));
}

function told(act, what) {
  if (!act) lineIs = what;
  if (act && what === "saved") delivered += 1;
  show();
}

async function changed() {
  await show();
  await sendNow();
}

async function sendNow() {
  const before = delivered;
  const outcome = await queue.send();
  if (delivered !== before) await refresh();
  return outcome;
}

// The page as the portal has it now; what is typed or drawn meanwhile stays untouched.
async function refresh() {
  const answer = await fetch(words.whole, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-fresh]")) {
    const other = fresh.getElementById(part.id);
    if (other && other.outerHTML !== part.outerHTML && !part.contains(document.activeElement)) part.replaceWith(document.adoptNode(other));
  }
  const digest = fresh.querySelector("[name=content_sha256]")?.value;
  for (const input of document.querySelectorAll("[name=content_sha256]")) input.value = digest ?? "";
  const lines = document.getElementById("lines");
  for (const one of fresh.querySelectorAll("#lines > .look")) if (!document.getElementById(one.id)) lines.append(document.adoptNode(one));
  document.getElementById("no-lines")?.toggleAttribute("hidden", lines.querySelector(".look") !== null);
  restore();
}

// --- what is typed and not written down yet -----------------------------------------------------------------------------

const draftOf = (form) => `${DRAFT}${words.visit}:${form.dataset.line ?? "new"}`;
const isWords = (form) => ["record", "finding"].includes(form?.dataset.act);

function dropDraft(form) {
  if (isWords(form)) drop(draftOf(form));
}

function restore() {
  for (const [name, draft] of ofThisPage().filter(([place]) => place.startsWith(DRAFT))) {
    const form = [...document.querySelectorAll("form[data-act]")].find((one) => isWords(one) && draftOf(one) === name);
    if (!form || form.contains(document.activeElement)) continue;
    for (const [field, value] of Object.entries(draft.fields)) {
      const input = form.elements[field];
      if (input) input.value = value;
    }
  }
}

// --- begin --------------------------------------------------------------------------------------------------------------

// Whether the worker has the page and all it needs.
function isKept(worker, message) {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    setTimeout(() => resolve(false), PATIENCE);
    worker.postMessage(message, [port2]);
  });
}

// Browsers allow a page to be kept only where nobody on the way can change it (https, or the same machine).
async function keepPage() {
  const workers = navigator.serviceWorker;
  if (!workers) return;
  await workers.register(words.worker);
  const registration = await workers.ready;
  const own = performance.getEntriesByType("resource").map((entry) => new URL(entry.name));
  const kept = own.filter((url) => url.origin === location.origin && (url.pathname.startsWith("/static/") || /\/thumbnail\/$/.test(url.pathname)));
  const message = { keep: kept.map((url) => url.href.split("#")[0]), page: words.whole };
  while (!(await isKept(registration.active, message))) await new Promise((resolve) => setTimeout(resolve, RETRY));
  const said = document.getElementById("kept");
  said.textContent = words.kept;
  said.hidden = false;
}

async function begin() {
  for (const act of await queue.acts()) {
    if (act.state === "locating") await queue.change(act.key, (row) => row && { ...row, state: "waiting" });
  }
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset?.act || form.dataset.act === "signature") return;
    event.preventDefault();
    if (!form.reportValidity()) return;
    await (form.dataset.act === "photo" ? photographed(form) : written(form));
    await changed();
  });
  document.addEventListener("input", ({ target }) => {
    const form = target.form;
    if (!isWords(form)) return;
    const fields = Object.fromEntries([...new FormData(form)].filter(([name]) => ["seen", "text", "item_code", "visited_on", "summary"].includes(name)));
    keep(draftOf(form), { fields });
  });
  restore();
  leaving.push(async () => (await sendNow()) === "done");
  addEventListener("online", sendNow);
  setInterval(async () => ((await queue.acts()).some((act) => act.state === "waiting") || lineIs !== "done") && sendNow(), RETRY);
  await changed();
  document.body.dataset.ready = "yes";
  await keepPage().catch(() => {}); // a browser that keeps no pages does all the rest
  document.body.dataset.kept = "yes";
}

for (const form of document.querySelectorAll("form[data-act=signature]")) paneOf(form);
if (queue) begin();

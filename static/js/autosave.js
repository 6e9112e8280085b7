// Saves every part marked data-autosave by itself as it changes, and says so beside it: 已保存 10:32.
// A part is a form, or one field of a form (then data-autosave is the address). Nothing typed is lost: until it is saved it
// is also kept in this browser. Where somebody else saved first, this person decides between the two versions.
// What else a save changes on the page comes drawn with the answer.
// Without this script the form's own button does the same. The page supplies the sentences in #saving-words.

import { clock, drop, keep, leaving, ofThisPage, person, read } from "./drafts.js";

const words = document.getElementById("saving-words").dataset;
const PAUSE = 1200; // ms without typing before a text is sent
const RETRY = 4000; // ms before a save that found no network is tried again
const TYPED = "textarea, input[type=number], input[type=date], input[type=text]";
const PARTS_OF = { value: ["parts"] }; // chosen together with another field

const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const asSent = (value) => (value === null || value === undefined ? [""] : [value].flat().map(String));
const make = (tag, attributes, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
};

const of = (entries, name) => entries.filter(([one]) => one === name).map(([, value]) => value);

// What the server hands out as seen, but for fields whose new text this person has not looked at: there it stays as it was.
function unseen(told, before, names) {
  const old = Object.fromEntries(before.split(" ").map((pair) => [pair.split(":")[0], pair]));
  return told.split(" ").map((pair) => (names.includes(pair.split(":")[0]) ? old[pair.split(":")[0]] : pair)).join(" ");
}

function token() {
  return document.cookie.split("; ").find((one) => one.startsWith("csrftoken="))?.slice("csrftoken=".length) ?? "";
}

class Saver {
  constructor(unit) {
    this.unit = unit;
    this.form = unit.closest("form");
    this.address = unit.dataset.autosave || this.form.action;
    this.status = unit.querySelector("[data-status]");
    this.place = `${new URL(this.address, location).pathname}#${this.names().join()}`;
    this.timer = 0;
    this.edits = 0; // counts what was typed, so that an answer knows whether it is about the newest
    this.sent = 0;
    this.busy = null;
    this.stuck = ""; // why nothing is sent by itself: "conflict" | "signedOut" | "refused"
    this.form.classList.add("scripted");
    unit.addEventListener("input", (event) => this.touch(event.target.matches(TYPED) ? PAUSE : 0));
    unit.addEventListener("focusout", () => this.dirty && !this.stuck && this.schedule(0));
    if (unit === this.form) unit.addEventListener("submit", (event) => this.submit(event));
  }

  // --- the fields -----------------------------------------------------------------------------------------------

  fields(name) {
    const found = [...this.unit.querySelectorAll("[name]")].filter((field) => field.type !== "hidden" && field.tagName !== "BUTTON");
    return name ? found.filter((field) => field.name === name) : found;
  }

  names() {
    return [...new Set(this.fields().map((field) => field.name))];
  }

  entries() {
    const ticked = (field) => !["radio", "checkbox"].includes(field.type) || field.checked;
    return this.fields().filter(ticked).map((field) => [field.name, field.value]);
  }

  set(name, values) {
    for (const field of this.fields(name)) {
      if (["radio", "checkbox"].includes(field.type)) field.checked = values.includes(field.value);
      else field.value = values.find((value) => field.type !== "number" || value !== "na") ?? "";
      const folded = field.closest("details");
      if (folded && field.value) folded.open = true;
    }
    this.unit.dispatchEvent(new CustomEvent("filled", { bubbles: true }));
  }

  get seen() {
    return this.unit.querySelector("input[name=seen]");
  }

  body() {
    const hidden = [...this.unit.querySelectorAll("input[type=hidden]")].filter((field) => field.name !== "csrfmiddlewaretoken");
    const pairs = [...hidden.map((field) => [field.name, field.value]), ...this.entries()];
    for (const name of this.names()) {
      if (!pairs.some(([one]) => one === name)) pairs.push([name, ""]);
    }
    return new URLSearchParams([...pairs.filter(([name, value]) => name !== "person" && !(name === "parts" && !value)), ["person", person]]);
  }

  get dirty() {
    return this.edits !== this.sent;
  }

  // --- typing and saving ----------------------------------------------------------------------------------------

  submit(event) {
    event.preventDefault();
    if (event.submitter?.name === "clear") this.set("value", []);
    this.touch(0);
  }

  touch(wait) {
    this.edits += 1;
    this.keep();
    if (this.stuck === "conflict") return;
    this.stuck = "";
    this.say(words.typing, "muted");
    this.schedule(wait);
  }

  keep() {
    keep(this.place, { entries: this.entries(), seen: this.seen?.value ?? "" });
  }

  schedule(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), wait);
  }

  // Send what is not saved; resolves once there is an answer.
  async save() {
    clearTimeout(this.timer);
    if (this.busy) await this.busy;
    if (!this.dirty || this.stuck === "conflict") return;
    this.busy = this.send();
    await this.busy;
    this.busy = null;
  }

  async send() {
    const edits = this.edits;
    const entries = this.entries();
    // The link to sign in again stays where it is while another try is under way.
    if (this.stuck !== "signedOut") this.say(words.saving, "muted");
    try {
      const body = this.body();
      const response = await fetch(this.address, {
        method: "POST",
        body,
        headers: { Accept: "application/json", "X-CSRFToken": token() },
        keepalive: body.toString().length < 60000,
      });
      const json = response.headers.get("Content-Type")?.startsWith("application/json");
      this.answer(response, json ? await response.json() : null, edits, entries);
    } catch {
      this.say(words.offline, "unsaved");
      this.schedule(RETRY);
    }
  }

  answer(response, told, edits, entries) {
    if (response.ok && told) this.saved(told, edits, entries);
    else if (response.status === 401) this.signedOut(told);
    else if (response.status === 409 && told?.clashing) this.conflict(told, entries);
    else if (told?.problems) {
      this.stuck = "refused";
      this.say(told.problems.map((problem) => problem.message).join(" "), "unsaved");
    } else if (response.status >= 500) {
      this.say(words.offline, "unsaved");
      this.schedule(RETRY);
    } else {
      this.stuck = "refused";
      this.say({ 403: words.denied, 404: words.denied, 409: words.moved }[response.status] ?? words.offline, "unsaved");
    }
  }

  saved(told, edits, entries) {
    this.sent = edits;
    this.stuck = "";
    const taken = Object.keys(told.taken ?? {});
    const typedOn = taken.filter((name) => String(of(entries, name)) !== String(of(this.entries(), name)));
    for (const name of taken) if (!typedOn.includes(name)) this.set(name, asSent(told.taken[name]));
    if (this.seen && told.seen !== undefined) this.seen.value = unseen(told.seen, this.seen.value, typedOn);
    const aside = taken.length ? ` ${fill(words.taken, { who: told.by, when: told.at?.slice(11, 16) ?? "" })}` : "";
    // Saved, but not yet whole: what is still owed there stands beside it, in amber.
    const owed = told.owed ?? [];
    this.say([`${words.saved} ${told.saved_at}${aside}`, ...owed].join(" · "), owed.length || told.waits ? "owed" : "saved");
    for (const [id, drawn] of Object.entries(told.drawn ?? {})) {
      const part = document.getElementById(id);
      if (part) part.innerHTML = drawn;
    }
    if (this.dirty) {
      this.keep();
      this.schedule(PAUSE);
    } else drop(this.place);
    this.unit.dispatchEvent(new CustomEvent("saved", { bubbles: true, detail: told }));
  }

  signedOut(told) {
    this.stuck = "signedOut";
    this.say(`${told?.problems?.[0]?.message ?? words.signedOut} `, "unsaved");
    const address = `${words.signIn}?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`;
    this.status.append(make("a", { href: address, textContent: words.signInAgain }));
  }

  // --- two versions ---------------------------------------------------------------------------------------------

  // Another saved first: what only the other changed is taken, what both changed is laid side by side.
  conflict(told, entries) {
    this.stuck = "conflict";
    if (this.seen) this.seen.value = told.seen;
    const leads = (name) => Object.keys(PARTS_OF).find((one) => PARTS_OF[one].includes(name)) ?? name;
    const typedOn = told.taken.filter((name) => String(of(entries, name)) !== String(of(this.entries(), name)));
    const clashing = [...new Set([...told.clashing, ...typedOn].map(leads))];
    for (const name of told.taken) if (!clashing.includes(leads(name))) this.set(name, asSent(told.current[name]));
    const when = told.at ? told.at.slice(5, 16).replace("T", " ") : "";
    this.say(fill(words.clash, { who: told.by, when }), "unsaved");
    this.unit.querySelector("[data-versions]")?.remove();
    const box = make("div", { className: "versionbox" });
    box.dataset.versions = "";
    for (const name of clashing) box.append(this.choice(name, told, box));
    this.status.after(box);
  }

  label(name) {
    return words[`label${name[0].toUpperCase()}${name.slice(1)}`] ?? this.unit.querySelector("label")?.textContent ?? "";
  }

  // A value as people read it: the words of its button, or the text itself.
  reading(name, values) {
    const button = this.fields(name).find((field) => ["radio", "checkbox"].includes(field.type) && values.includes(field.value));
    const option = this.fields(name)[0]?.options && [...this.fields(name)[0].options].find((one) => values.includes(one.value));
    return (button?.closest("label")?.textContent ?? option?.textContent ?? values.join("\n")).trim() || words.nothing;
  }

  // The parts that make a mark, in the words of their boxes.
  ticks(name, values) {
    const boxes = PARTS_OF[name].flatMap((other) => this.fields(other)).filter((field) => values.includes(field.value));
    return boxes.map((field) => field.closest("label").textContent.trim().replace(/\s+/g, " ")).join("；");
  }

  choice(name, told, box) {
    const theirs = asSent(told.current[name]);
    const mine = of(this.entries(), name);
    const both = (values, parts) => [this.reading(name, values), ...(parts.length ? [this.ticks(name, parts)] : [])].join("\n");
    const followers = PARTS_OF[name] ?? [];
    const group = make("div", { className: "versions" });
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", `${this.label(name)}：${words.both}`);
    const side = (title, text) =>
      make("div", { className: "version" }, make("b", { textContent: title }), make("div", { className: "prose", textContent: text }));
    const button = (title, act) => {
      const made = make("button", { type: "button", className: "btn small quiet", textContent: title });
      made.addEventListener("click", () => this.decide(group, box, act));
      return made;
    };
    const acts = [
      button(words.theirs, () => {
        this.set(name, theirs);
        for (const other of followers) this.set(other, asSent(told.current[other]));
      }),
      button(words.mine, () => {}),
    ];
    if (this.fields(name)[0]?.tagName === "TEXTAREA") {
      acts.push(button(words.merge, () => {
        this.set(name, [[...theirs, ...mine].filter(Boolean).join("\n")]);
        this.fields(name)[0].focus();
      }));
    }
    const theirWords = both(theirs, followers.flatMap((other) => asSent(told.current[other] ?? [])));
    const myWords = both(mine, followers.flatMap((other) => of(this.entries(), other)));
    const heading = make("p", { className: "muted", textContent: `${this.label(name)}：${words.both}` });
    const sides = make("div", { className: "halves grid" }, side(`${words.theirVersion} ${told.by}`, theirWords), side(words.myVersion, myWords));
    group.append(heading, sides, make("div", { className: "acts" }, ...acts));
    return group;
  }

  decide(group, box, act) {
    group.remove();
    act();
    this.edits += 1;
    this.keep();
    const rest = box.querySelector("button");
    if (rest) {
      rest.focus();
      return;
    }
    box.remove();
    this.stuck = "";
    this.say(words.typing, "muted");
    if (!this.unit.contains(document.activeElement)) this.fields()[0]?.focus();
    this.schedule(document.activeElement?.tagName === "TEXTAREA" ? PAUSE : 0);
  }

  // --- what was kept --------------------------------------------------------------------------------------------

  restore() {
    const draft = read(this.place);
    if (!draft) return;
    if (JSON.stringify(draft.entries) === JSON.stringify(this.entries())) {
      drop(this.place);
      return;
    }
    for (const name of this.names()) {
      this.set(name, of(draft.entries, name));
    }
    if (this.seen && draft.seen) this.seen.value = draft.seen;
    this.edits += 1;
    const line = make("p", { className: "note restored", textContent: fill(words.restored, { when: clock(draft.at) }) });
    line.setAttribute("role", "status");
    this.unit.prepend(line);
    this.save();
  }

  say(sentence, kind) {
    this.status.className = kind;
    this.status.textContent = sentence;
  }
}

const savers = [...document.querySelectorAll("[data-autosave]")].map((unit) => new Saver(unit));
for (const line of document.querySelectorAll("[data-scripted]")) line.hidden = false;
for (const saver of savers) saver.restore();

// What was typed in a place that is closed by now is shown, so that it can be copied elsewhere.
const places = new Set(savers.map((saver) => saver.place));
for (const [place, draft] of ofThisPage().filter(([one]) => !places.has(one))) {
  const text = draft.entries.map(([, value]) => value).filter(Boolean).join("\n");
  const forget = make("button", { type: "button", className: "link", textContent: words.forget });
  const box = make(
    "section",
    { className: "note wait" },
    make("p", { textContent: fill(words.orphan, { when: clock(draft.at) }) }),
    make("textarea", { className: "wide", readOnly: true, rows: 3, value: text, ariaLabel: fill(words.orphan, { when: clock(draft.at) }) }),
    make("p", {}, forget),
  );
  forget.addEventListener("click", () => {
    drop(place);
    box.remove();
  });
  if (text) document.getElementById("saving-words").after(box);
  else drop(place);
}

const unsaved = () => savers.filter((saver) => saver.dirty);
const again = () => unsaved().forEach((saver) => saver.stuck !== "conflict" && saver.stuck !== "refused" && saver.save());
addEventListener("pagehide", again);
addEventListener("online", again);
addEventListener("focus", () => unsaved().forEach((saver) => saver.stuck === "signedOut" && saver.save()));
document.addEventListener("visibilitychange", again);
leaving.push(async () => {
  await Promise.all(unsaved().map((saver) => saver.save()));
  return unsaved().length === 0;
});

// Saves every form marked data-autosave by itself as it changes, and says so beside it: 已保存 10:32.
// Without this script the form's own button does the same. The page supplies the sentences in #saving-words.

const words = document.getElementById("saving-words").dataset;
const PAUSE = 1200; // ms without typing before a text is sent
const RETRY = 5000; // ms before a save that found no network is tried again

class Saver {
  constructor(form) {
    this.form = form;
    this.status = form.querySelector("[data-status]");
    this.timer = 0;
    this.dirty = false;
    this.busy = false;
    form.classList.add("scripted");
    form.addEventListener("input", (event) => this.touch(event.target.matches("textarea, input[type=number]") ? PAUSE : 0));
    form.addEventListener("change", () => this.touch(0));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.submitter?.name === "clear") this.clear();
      this.touch(0);
    });
  }

  clear() {
    for (const field of this.form.querySelectorAll("[name=value]")) {
      if (field.type === "number") field.value = "";
      else field.checked = false;
    }
  }

  touch(wait) {
    this.dirty = true;
    this.say(words.typing, "muted");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), wait);
  }

  async save() {
    if (this.busy || !this.dirty) return;
    this.busy = true;
    this.dirty = false;
    this.say(words.saving, "muted");
    let wait = PAUSE;
    try {
      const response = await fetch(this.form.action, {
        method: "POST",
        body: new FormData(this.form),
        headers: { Accept: "application/json" },
      });
      await this.answer(response);
    } catch {
      this.dirty = true;
      wait = RETRY;
      this.say(words.offline, "unsaved");
    }
    this.busy = false;
    // What changed while the answer was under way is sent next, with the new revision.
    if (this.dirty && !this.conflict) this.timer = setTimeout(() => this.save(), wait);
  }

  async answer(response) {
    if (!response.headers.get("Content-Type")?.startsWith("application/json")) {
      const reasons = { 403: words.denied, 409: words.moved };
      this.dirty = true;
      this.conflict = true;
      this.say(reasons[response.status] ?? (response.redirected ? words.signedOut : words.offline), "unsaved");
      return;
    }
    const told = await response.json();
    if (response.ok) {
      this.conflict = false;
      this.set("revision", told.revision);
      this.say(`${words.saved} ${told.saved_at}`, "saved");
      this.form.dispatchEvent(new CustomEvent("saved", { bubbles: true, detail: told }));
      return;
    }
    this.say(told.problems.map((problem) => problem.message).join(" "), "unsaved");
    if (response.status === 409) this.offer(told);
  }

  // Another saved first: show what is there now, and let this person decide to write over it.
  offer(told) {
    this.conflict = true;
    this.dirty = true;
    const shown = document.createElement("span");
    shown.textContent = ` ${words.current}${told.current ?? ""} `;
    const mine = document.createElement("button");
    mine.type = "button";
    mine.className = "link";
    mine.textContent = words.mine;
    mine.addEventListener("click", () => {
      this.conflict = false;
      this.set("revision", told.revision);
      this.touch(0);
    });
    this.status.append(shown, mine);
  }

  set(name, value) {
    const field = this.form.elements[name];
    if (field && value !== undefined) field.value = value;
  }

  say(sentence, kind) {
    this.status.className = kind;
    this.status.textContent = sentence;
  }
}

const savers = [...document.querySelectorAll("form[data-autosave]")].map((form) => new Saver(form));

addEventListener("beforeunload", (event) => {
  for (const saver of savers) saver.save();
  if (savers.some((saver) => saver.dirty || saver.busy)) event.preventDefault();
});

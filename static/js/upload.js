// Many files at once, each resumable at any byte (tus): three side by side, with pause and resume, going on by themselves
// when the line comes back, and after the page was loaded again and the same file chosen. A worker then looks into each;
// the page asks until it knows what came of it. Without this script the form sends small files in one piece.

const tus = window.tus;
const words = document.getElementById("upload-words").dataset;
const PARALLEL = 3;
const CHUNK = 64 * 1024 * 1024;
const AGAIN = 5000; // milliseconds between attempts while the line is down
const ASK = 1000; // milliseconds between questions about what came of a file
const TOLD = ["taken", "refused"];

const rows = []; // every file chosen since the page was loaded
const size = (bytes) => (bytes >= 1048576 ? `${(bytes / 1048576).toFixed(1)} MB` : `${Math.max(bytes / 1024, 0.1).toFixed(1)} kB`);

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function said(form) {
  const data = new FormData(form);
  const metadata = { purpose: form.dataset.upload, application: form.dataset.application };
  for (const name of ["code", "replaces"]) if (form.dataset[name]) metadata[name] = form.dataset[name];
  for (const name of ["evidence_kind", "caption", "page"]) if (data.get(name)) metadata[name] = data.get(name);
  if (data.getAll("items").length) metadata.items = data.getAll("items").join(" ");
  return metadata;
}

function sentencesOf(response) {
  try {
    return JSON.parse(response.getBody()).problems.map((problem) => problem.message).join(" ");
  } catch {
    return words.failed;
  }
}

// One file: its line on the page, and what is happening to it.
class Row {
  constructor(form, file) {
    this.form = form;
    this.file = file;
    this.sent = 0;
    this.state = "waiting"; // sending, paused, offline, checking, taken, refused
    this.line = element("li");
    this.bar = element("progress", "", { max: file.size || 1, value: 0, "aria-label": file.name });
    this.status = element("span", words.waiting, { class: "muted" });
    this.toggle = element("button", words.pause, { type: "button", class: "btn small quiet", "aria-label": `${words.pause} ${file.name}` });
    this.drop = element("button", words.cancel, { type: "button", class: "link", "aria-label": `${words.cancel} ${file.name}` });
    this.toggle.addEventListener("click", () => (this.state === "paused" ? this.resume() : this.pause()));
    this.drop.addEventListener("click", () => this.cancel());
    this.line.append(element("b", file.name), element("span", size(file.size), { class: "muted" }), this.bar, this.status, this.toggle, this.drop);
    this.metadata = { filename: file.name, ...said(form) };
    this.upload = new tus.Upload(file, {
      endpoint: form.dataset.endpoint,
      metadata: this.metadata,
      chunkSize: CHUNK,
      retryDelays: [0, 1000, 3000, 5000],
      headers: { "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value },
      removeFingerprintOnSuccess: true,
      fingerprint: async (chosen) =>
        ["portal", ...["application", "purpose", "code", "replaces"].map((key) => this.metadata[key] ?? ""), chosen.name, chosen.size, chosen.lastModified].join("|"),
      onUploadUrlAvailable: () => this.known(),
      onProgress: (sent) => this.progress(sent),
      onShouldRetry: (error) => this.mayRetry(error),
      onError: (error) => this.failed(error),
      onSuccess: () => this.arrived(),
    });
  }

  show(state, text, kind = "muted") {
    this.state = state;
    this.status.textContent = text;
    this.status.className = kind;
    this.toggle.hidden = !["waiting", "sending", "paused", "offline"].includes(state);
    const label = state === "paused" ? words.resume : words.pause;
    this.toggle.textContent = label;
    this.toggle.setAttribute("aria-label", `${label} ${this.file.name}`);
    total();
  }

  get id() {
    return this.upload.url ? this.upload.url.split("/").filter(Boolean).pop() : "";
  }

  async start() {
    this.show("sending", words.sending);
    if (!this.upload.url) {
      const [earlier] = await this.upload.findPreviousUploads();
      if (this.state !== "sending") return;
      if (earlier) {
        this.upload.resumeFromPreviousUpload(earlier);
        this.status.textContent = words.resumed;
      }
    }
    this.upload.start();
  }

  // What the server lists as on its way has a line of its own here.
  known() {
    if (this.id) document.querySelector(`[data-coming] [data-id="${this.id}"]`)?.remove();
  }

  progress(sent) {
    this.sent = sent;
    this.bar.value = sent;
    if (this.state === "offline") this.show("sending", words.sending);
    total();
  }

  mayRetry(error) {
    const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
    if (!status) this.show("offline", words.offline, "unsaved");
    return !status || status === 409 || status === 423 || status >= 500;
  }

  failed(error) {
    if (this.state === "paused") return;
    const response = error.originalResponse;
    if (response && response.getStatus() < 500) {
      this.finish("refused", sentencesOf(response));
    } else {
      this.show("offline", words.offline, "unsaved");
      this.stopped = true;
      setTimeout(() => this.again(), AGAIN);
    }
    next();
  }

  // Only once tus has given up by itself: before, its own next attempt is on its way.
  again() {
    if (this.state !== "offline" || !this.stopped) return;
    this.stopped = false;
    this.show("waiting", words.offline, "unsaved");
    next();
  }

  async pause() {
    this.show("paused", words.paused);
    await this.upload.abort();
    next();
  }

  resume() {
    this.show("waiting", words.waiting);
    next();
  }

  async cancel() {
    rows.splice(rows.indexOf(this), 1);
    this.line.remove();
    const address = this.upload.url;
    await this.upload.abort();
    if (address) await forget(this.form, address);
    next();
    total();
  }

  arrived() {
    this.bar.remove();
    this.show("checking", words.checking);
    next();
    ask(this.form);
  }

  finish(state, text) {
    this.bar.remove();
    this.show(state, text, state === "taken" ? "saved" : "unsaved");
    this.drop.hidden = state === "taken";
    this.drop.textContent = words.dismiss;
    this.drop.setAttribute("aria-label", `${words.dismiss} ${this.file.name}`);
    announce(`${this.file.name} ${text}`);
  }
}

async function forget(form, address) {
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  await fetch(address, { method: "DELETE", headers: { "X-CSRFToken": token, "Tus-Resumable": "1.0.0" } }).catch(() => null);
}

function next() {
  const busy = rows.filter((row) => row.state === "sending").length;
  for (const row of rows.filter((one) => one.state === "waiting").slice(0, Math.max(0, PARALLEL - busy))) row.start();
}

// --- all of them together ---

const summary = document.querySelector(".uploadtotal");
const voice = document.querySelector("[data-announce]");
let lastTenth = -1;

function announce(text) {
  if (voice) voice.textContent = text;
}

function total() {
  if (!summary) return;
  // What was refused counts as nothing that has come.
  const welcome = rows.filter((row) => row.state !== "refused");
  const bytes = welcome.reduce((sum, row) => sum + row.file.size, 0);
  const sent = welcome.reduce((sum, row) => sum + (["checking", "taken"].includes(row.state) ? row.file.size : row.sent), 0);
  const percent = bytes ? Math.floor((100 * sent) / bytes) : 0;
  const done = rows.filter((row) => row.state === "taken").length;
  const refused = rows.length - welcome.length;
  const told = welcome.length ? [words.total.replace("{all}", welcome.length).replace("{done}", done).replace("{percent}", percent)] : [];
  const text = [...told, ...(refused ? [words.refused.replace("{n}", refused)] : [])].join(words.and);
  summary.hidden = rows.length === 0;
  summary.querySelector("progress").value = percent;
  summary.querySelector("progress").hidden = !welcome.length;
  summary.querySelector("span").textContent = text;
  const button = summary.querySelector("button");
  const running = rows.some((row) => ["sending", "waiting", "offline"].includes(row.state));
  button.textContent = running ? words.pauseAll : words.resumeAll;
  button.hidden = !running && !rows.some((row) => row.state === "paused");
  // Heard in tens of percent: a reader that speaks every step says nothing else.
  if (Math.floor(percent / 10) !== lastTenth) {
    lastTenth = Math.floor(percent / 10);
    announce(text);
  }
}

summary?.querySelector("button").addEventListener("click", () => {
  const running = rows.filter((row) => ["sending", "waiting", "offline"].includes(row.state));
  if (running.length) for (const row of running) row.pause();
  else for (const row of rows.filter((one) => one.state === "paused")) row.resume();
});

window.addEventListener("online", () => rows.forEach((row) => row.again()));

// --- what came of them ---

let asking = false;

const lookedAt = () => [...document.querySelectorAll('[data-coming] [data-state="checking"]')];

async function ask(form) {
  if (asking) return;
  asking = true;
  while (rows.some((row) => row.state === "checking") || lookedAt().length) {
    await new Promise((resolve) => setTimeout(resolve, ASK));
    const answer = await fetch(form.dataset.state, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer || !answer.ok) continue;
    const found = new Map((await answer.json()).results.map((one) => [one.id, one]));
    for (const row of rows.filter((one) => one.state === "checking")) tell(row, found.get(row.id));
    for (const line of lookedAt()) if (TOLD.includes(found.get(line.dataset.id)?.state ?? "taken")) line.dataset.state = "told";
  }
  asking = false;
  await refresh(form);
}

// The lists of this page as the server has them now; what somebody is typing meanwhile stays untouched.
async function refresh(form) {
  const done = rows.filter((row) => row.state === "taken" && !row.remark);
  if (form.dataset.after && done.length === rows.length) return location.assign(form.dataset.after);
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer || !answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-fresh]")) {
    const other = fresh.getElementById(part.id);
    if (other) part.replaceWith(document.adoptNode(other));
  }
  for (const row of rows) row.known();
  for (const row of done) {
    rows.splice(rows.indexOf(row), 1);
    row.line.remove();
  }
  total();
  if (!rows.length && done.length && summary) {
    summary.hidden = false;
    summary.querySelector("progress").hidden = false;
    summary.querySelector("progress").value = 100;
    summary.querySelector("span").textContent = words.done.replace("{done}", done.length);
    announce(words.done.replace("{done}", done.length));
    lastTenth = -1; // the next file is a beginning again
  }
}

function tell(row, found) {
  if (!found) return row.finish("refused", words.failed);
  row.remark = found.remarks.join(" ");
  if (TOLD.includes(found.state)) row.finish(found.state, found.problems.join(" ") || row.remark || words.taken);
}

// --- the forms ---

for (const form of document.querySelectorAll("form[data-upload]")) {
  const input = form.querySelector("input[type=file]");
  const list = form.querySelector("[data-progress]");
  const drop = form.querySelector("[data-drop]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    for (const file of [...input.files]) {
      const row = new Row(form, file);
      rows.push(row);
      list.append(row.line);
    }
    form.reset();
    total();
    next();
  });
  drop?.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop?.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop?.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    input.files = event.dataTransfer.files;
  });
  if (lookedAt().length) ask(form);
}

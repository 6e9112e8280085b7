// The scoring room: every change is saved as it is made, keys for every mark, marks kept while the network is away.
const form = document.getElementById("mark");
const status = document.getElementById("status");
const editable = form.querySelector("fieldset:not([disabled])") !== null;
const queueName = form.dataset.queue;
let waiting = 0;
let saving = Promise.resolve();
let inFlight = 0;

const queued = () => JSON.parse(localStorage.getItem(queueName) || "{}");

function keepQueued(entries) {
  if (Object.keys(entries).length) localStorage.setItem(queueName, JSON.stringify(entries));
  else localStorage.removeItem(queueName);
}

function say(text, good) {
  const line = document.createElement("span");
  line.className = good ? "saved" : "unsaved";
  line.textContent = text;
  status.replaceChildren(line);
}

function send(address, fields) {
  return fetch(address, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { Accept: "application/json" },
    keepalive: true,
  });
}

function showMark(code, answer) {
  document.getElementById("progress").value = answer.done;
  document.getElementById("done").textContent = answer.done;
  const tag = document.querySelector(`.tree a[data-code="${code}"] + .tag`);
  if (tag && answer.mark !== "—") {
    tag.textContent = answer.mark;
    tag.className = "tag ok";
  }
}

async function save() {
  const fields = Object.fromEntries(new FormData(form));
  say(form.dataset.saving, true);
  let response;
  try {
    response = await send(form.dataset.save, fields);
  } catch {
    keepQueued({ ...queued(), [form.dataset.code]: { address: form.dataset.save, fields } });
    say(form.dataset.offline, false);
    return;
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) {
    form.elements.revision.value = answer.revision;
    say(`${form.dataset.saved} ${answer.saved_at}`, true);
    showMark(form.dataset.code, answer);
  } else {
    const why = answer ? answer.problems.map((problem) => problem.message).join(" ") : String(response.status);
    say(form.dataset.failed + why, false);
  }
}

function saveSoon(delay) {
  clearTimeout(waiting);
  waiting = setTimeout(saveNow, delay);
}

function saveNow() {
  clearTimeout(waiting);
  waiting = 0;
  inFlight += 1;
  saving = saving.then(save).finally(() => {
    inFlight -= 1;
  });
  return saving;
}

async function sendQueued() {
  const entries = queued();
  for (const [code, entry] of Object.entries(entries)) {
    const fields = { ...entry.fields, csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value };
    let response;
    try {
      response = await send(entry.address, fields);
    } catch {
      return;
    }
    const rest = queued();
    delete rest[code];
    keepQueued(rest);
    const answer = await response.json().catch(() => null);
    if (response.ok && answer) {
      showMark(code, answer);
      if (code === form.dataset.code) {
        form.elements.revision.value = answer.revision;
        say(`${form.dataset.saved} ${answer.saved_at}`, true);
      }
    } else if (answer) {
      say(form.dataset.failed + answer.problems.map((problem) => problem.message).join(" "), false);
    }
  }
}

function restoreQueued() {
  const entry = queued()[form.dataset.code];
  if (!entry) return;
  for (const name of ["reason", "private_note"]) form.elements[name].value = entry.fields[name] ?? "";
  for (const box of form.querySelectorAll("[name=value]")) {
    if (box.type === "radio") box.checked = box.value === (entry.fields.value ?? "");
    else box.value = entry.fields.value ?? "";
  }
}

function follow(id) {
  const link = document.getElementById(id);
  if (link) (waiting ? saveNow() : saving).then(() => link.click());
}

function press(key) {
  const box = form.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!box || box.disabled || !editable) return;
  if (box.type === "checkbox") box.checked = !box.checked;
  else box.checked = true;
  box.focus();
  saveNow();
}

const help = document.getElementById("help");
const opener = document.getElementById("help-open");
opener.hidden = false;
opener.addEventListener("click", () => help.showModal());

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key.toLowerCase();
  if (key === "?") {
    if (help.open) help.close();
    else help.showModal();
  } else if (help.open) return;
  else if (key === "n") follow("next-unmarked");
  else if (key === "[") follow("evidence-before");
  else if (key === "]") follow("evidence-after");
  else if (key === "r" && editable) form.elements.reason.focus();
  else if (/^[0-9x]$/.test(key)) press(key);
  else return;
  event.preventDefault();
});

const tree = document.querySelector(".roomtree");
const current = tree.querySelector(".now");
if (current) tree.scrollTop = current.offsetTop - tree.offsetTop - tree.clientHeight / 2;

if (editable) {
  form.addEventListener("change", (event) => saveSoon(event.target.matches("textarea") ? 0 : 100));
  form.addEventListener("input", (event) => {
    if (event.target.matches("textarea, [type=number]")) saveSoon(800);
  });
  // The button says what a save under way is saying already: it waits, so that the two do not meet as if two people wrote.
  form.addEventListener("submit", (event) => {
    clearTimeout(waiting);
    waiting = 0;
    if (!inFlight) return;
    event.preventDefault();
    const button = event.submitter;
    saving.then(() => form.requestSubmit(button));
  });
  // A link followed while a save waits must not lose it.
  window.addEventListener("pagehide", () => {
    if (waiting) saveNow();
  });
  window.addEventListener("online", sendQueued);
  restoreQueued();
  sendQueued();
}

// The page that a form of a certificate makes, drawn anew a moment after each key.
const form = document.getElementById("write");
const page = document.getElementById("page");
const shown = page.querySelector("[data-page]");
const status = page.querySelector("[data-status]");
const list = page.querySelector("[data-problem-list]");
const PAUSE = 600;
let waiting;
let newest = 0;

function say(words, problems = []) {
  status.textContent = words;
  list.replaceChildren(
    ...problems.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
  list.hidden = problems.length === 0;
}

async function draw() {
  const turn = (newest += 1);
  say(status.dataset.wait);
  page.classList.add("stale");
  let answer;
  let content;
  try {
    answer = await fetch(form.dataset.preview, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "image/png" },
    });
    content = answer.ok ? await answer.blob() : answer.status === 422 ? await answer.json() : null;
  } catch {
    content = null; // the line will come back
  }
  if (turn !== newest) return; // something was typed meanwhile
  if (content === null) return say(status.dataset.fault);
  if (!answer.ok) return say(status.dataset.problems, content.problems);
  if (shown) {
    const old = shown.src;
    shown.src = URL.createObjectURL(content);
    if (old.startsWith("blob:")) URL.revokeObjectURL(old);
  }
  page.classList.remove("stale");
  say(status.dataset.now);
}

function later() {
  clearTimeout(waiting);
  waiting = setTimeout(draw, PAUSE);
}

form.addEventListener("input", later);

// The self-assessment without loading again: search and filters at once, totals after each save, parts that add up.

const box = document.querySelector("[data-forecast-box]");
const finder = document.querySelector("[data-finder]");
const cards = [...document.querySelectorAll(".claimcard")];
const PAUSE = 600; // ms after the last save before the forecast is asked for

// --- search and filters -----------------------------------------------------------------------------------------------

// The server has filtered the same way already; from here on every change is seen at once, and the address says it too.
const texts = new Map(
  cards.map((card) => [card, `${card.querySelector("h4").textContent} ${card.querySelector("p").textContent}`.toLowerCase()]),
);

function wanted() {
  const asked = new FormData(finder);
  return { q: asked.get("q").trim(), show: asked.getAll("show"), level: Number(asked.get("level")) };
}

function takes(card, { q, show, level }) {
  const shows = card.dataset.shows.split(" ");
  const binds = Number(card.dataset.binds);
  const found = q.toLowerCase().split(/\s+/).every((word) => texts.get(card).includes(word));
  return found && show.every((name) => shows.includes(name)) && (!level || (binds > 0 && binds <= level));
}

function filter() {
  const asked = wanted();
  let count = 0;
  for (const card of cards) {
    card.hidden = !takes(card, asked) && !card.contains(document.activeElement);
    count += Number(!card.hidden);
  }
  for (const part of document.querySelectorAll(".assess-tree .part, .assess-tree > section")) {
    part.hidden = !part.querySelector(".claimcard:not([hidden])");
  }
  document.querySelector("[data-nothing]").hidden = count > 0;
  const pairs = [...(asked.q ? [["q", asked.q]] : []), ...asked.show.map((name) => ["show", name]), ...(asked.level ? [["level", asked.level]] : [])];
  const query = new URLSearchParams(pairs).toString();
  finder.querySelector("[data-clear]").hidden = !query;
  finder.querySelector("[data-shown]").textContent = query ? document.querySelector("[data-shown-words]").dataset.shownWords.replace("{n}", count) : "";
  history.replaceState(null, "", `${location.pathname}${query && "?"}${query}${location.hash}`);
}

function count() {
  for (const counter of finder.querySelectorAll("[data-count]")) {
    counter.textContent = cards.filter((card) => card.dataset.shows.split(" ").includes(counter.dataset.count)).length;
  }
}

finder.querySelector("[data-find]").hidden = true;
finder.addEventListener("input", filter);
finder.addEventListener("submit", (event) => {
  event.preventDefault();
  filter();
  cards.find((card) => !card.hidden)?.querySelector("h4").focus();
});
finder.querySelector("[data-clear]").addEventListener("click", (event) => {
  event.preventDefault();
  for (const field of finder.querySelectorAll("input, select")) {
    if (field.type === "checkbox") field.checked = false;
    else field.value = "";
  }
  filter();
  finder.querySelector("input").focus();
});

// --- after each save --------------------------------------------------------------------------------------------------

let waiting = 0;

// The forecast comes whole from the server; what was folded or open stays so.
async function forecast() {
  if (!box) return;
  const response = await fetch(box.dataset.address, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!response?.ok) return;
  const open = new Map([...box.querySelectorAll("details")].map((part) => [part.querySelector("summary").textContent, part.open]));
  box.innerHTML = (await response.json()).forecast;
  for (const part of box.querySelectorAll("details")) part.open = open.get(part.querySelector("summary").textContent) ?? part.open;
}

forecast();

document.addEventListener("saved", (event) => {
  const told = event.detail;
  const form = event.target;
  const card = form.closest(".claimcard");
  if (!card) return;
  const label = card.querySelector("[data-words]");
  const was = label.classList.contains("ok");
  label.textContent = told.words;
  label.classList.toggle("ok", told.marked);
  label.classList.toggle("wait", !told.marked);
  card.dataset.shows = told.shows.join(" ");
  for (const tag of card.querySelectorAll("[data-owed]")) tag.hidden = !told.shows.includes(tag.dataset.owed);
  count();
  const step = Number(told.marked) - Number(was);
  for (const counter of document.querySelectorAll(`[data-marked], [data-chapter="${told.chapter}"]`)) {
    counter.textContent = Number(counter.textContent) + step;
  }
  for (const bar of document.querySelectorAll("[data-marked-bar]")) bar.value += step;
  const last = document.querySelector("[data-last-saved]");
  if (last) last.textContent = `${form.dataset.item} ${form.querySelector("[data-status]").textContent}`;
  clearTimeout(waiting);
  waiting = setTimeout(forecast, PAUSE);
});

// --- marks that hang together -------------------------------------------------------------------------------------------

// Parts: ticking them chooses their sum; choosing a sum that only one set of parts makes ticks them.
for (const list of document.querySelectorAll("[data-parts]")) {
  const form = list.closest("form");
  const boxes = [...list.querySelectorAll("input")];
  const radios = [...form.querySelectorAll("input[type=radio][name=value]")];
  const points = boxes.map((part) => Number(part.dataset.points));
  const sum = () => points.reduce((total, one, place) => total + (boxes[place].checked ? one : 0), 0);
  for (const part of boxes) {
    part.addEventListener("input", () => {
      const radio = radios.find((one) => Math.abs(Number(one.value) - sum()) < 1e-9);
      if (radio) radio.checked = true;
    });
  }
  for (const radio of radios) {
    radio.addEventListener("input", () => {
      const chosen = Number(radio.value);
      if (Math.abs(sum() - chosen) < 1e-9) return;
      const sets = [];
      for (let set = 0; set < 2 ** boxes.length; set += 1) {
        const total = points.reduce((found, one, place) => found + ((set >> place) & 1 ? one : 0), 0);
        if (Math.abs(total - chosen) < 1e-9) sets.push(set);
      }
      boxes.forEach((part, place) => {
        part.checked = sets.length === 1 && Boolean((sets[0] >> place) & 1);
      });
    });
  }
}

// A typed number and "不适用" exclude each other.
for (const number of document.querySelectorAll(".claimcard input[type=number][name=value]")) {
  const other = number.form.querySelector("input[type=checkbox][name=value]");
  number.addEventListener("input", () => {
    if (other && number.value) other.checked = false;
  });
  other?.addEventListener("input", () => {
    if (other.checked) number.value = "";
  });
}

// "不适用" needs its reason: the place for it opens by itself.
for (const choice of document.querySelectorAll('.claimcard input[name=value][value="na"]')) {
  choice.addEventListener("input", () => {
    if (!choice.checked) return;
    const note = choice.form.querySelector("[data-note]");
    note.open = true;
    note.querySelector("textarea").focus();
  });
}

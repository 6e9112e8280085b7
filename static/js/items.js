// The self-assessment without loading again: totals after each save, parts that add up, one mark at a time.

const find = (name) => document.querySelector(`[data-forecast="${name}"]`);
const put = (name, text) => {
  const place = find(name);
  if (place) place.textContent = text;
};

document.addEventListener("saved", (event) => {
  const told = event.detail;
  const form = event.target;
  const card = form.closest(".claimcard");
  const label = card.querySelector("[data-words]");
  const was = label.classList.contains("ok");
  label.textContent = told.words;
  label.classList.toggle("ok", told.marked);
  label.classList.toggle("wait", !told.marked);
  const step = Number(told.marked) - Number(was);
  for (const counter of document.querySelectorAll(`[data-marked], [data-chapter="${told.chapter}"]`)) {
    counter.textContent = Number(counter.textContent) + step;
  }
  for (const bar of document.querySelectorAll("[data-marked-bar]")) bar.value += step;
  put("total", told.total);
  put("level", told.level);
  put("unmarked", told.unmarked);
  put("next", told.next);
  if (find("unmarked-line")) find("unmarked-line").hidden = told.unmarked === 0;
  if (find("missing-part")) find("missing-part").hidden = told.missing.length === 0;
  find("missing")?.replaceChildren(
    ...told.missing.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })),
  );
  const last = document.querySelector("[data-last-saved]");
  if (last) last.textContent = `${form.dataset.item} ${form.querySelector("[data-status]").textContent}`;
});

// Parts: ticking them chooses their sum. A mark that only one set of parts makes is shown ticked.
for (const list of document.querySelectorAll("[data-parts]")) {
  const form = list.closest("form");
  const boxes = [...list.querySelectorAll("input")];
  const radios = [...form.querySelectorAll("input[type=radio][name=value]")];
  const points = boxes.map((box) => Number(box.dataset.points));
  for (const box of boxes) {
    box.hidden = false;
    box.addEventListener("change", (event) => {
      event.stopPropagation();
      const sum = boxes.reduce((total, one, place) => total + (one.checked ? points[place] : 0), 0);
      const radio = radios.find((one) => Number(one.value) === sum);
      if (!radio) return;
      radio.checked = true;
      radio.dispatchEvent(new Event("change", { bubbles: true }));
    });
    box.addEventListener("input", (event) => event.stopPropagation());
  }
  const show = () => {
    const chosen = radios.find((radio) => radio.checked);
    const wanted = chosen ? Number(chosen.value) : NaN;
    const sets = [];
    for (let set = 0; set < 2 ** boxes.length; set += 1) {
      const sum = points.reduce((total, one, place) => total + ((set >> place) & 1 ? one : 0), 0);
      if (sum === wanted) sets.push(set);
    }
    boxes.forEach((box, place) => {
      box.checked = sets.length === 1 && Boolean((sets[0] >> place) & 1);
    });
  };
  for (const radio of radios) radio.addEventListener("input", show);
  show();
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

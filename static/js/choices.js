// A long list of boxes to tick: finding some of them by a part of their words, and how many are ticked. Without this
// script the whole list is there, section by section.

for (const box of document.querySelectorAll("[data-choices]")) {
  const place = box.querySelector("[data-find-choice]");
  const field = place.querySelector("input");
  const labels = [...box.querySelectorAll("label.check")];
  const count = box.querySelector("[data-chosen]");

  const find = () => {
    const words = field.value.trim().toLowerCase().split(/\s+/);
    for (const label of labels) {
      const text = label.textContent.trim().toLowerCase();
      // Digits are the beginning of a number: 4.2 is not looked for in 5.4.2.
      label.hidden = !words.every((word) => (/^[\d.]+$/.test(word) ? text.startsWith(word) : text.includes(word)));
    }
    for (const group of box.querySelectorAll(".choicegroup")) group.hidden = !group.querySelector("label.check:not([hidden])");
    box.querySelector("[data-no-choice]").hidden = labels.some((label) => !label.hidden);
  };
  const tell = () => {
    count.textContent = count.dataset.words.replace("{n}", labels.filter((label) => label.querySelector("input").checked).length);
  };

  place.hidden = false;
  count.hidden = false;
  field.addEventListener("input", find);
  // Enter in the place for finding would send the form.
  field.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  box.addEventListener("change", tell);
  field.form.addEventListener("reset", () => setTimeout(() => {
    find();
    tell();
  }));
  tell();
}

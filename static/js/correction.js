// The correction as a list of things to do: each answer that is saved changes its lamp, how many are left, and the button.

const left = document.querySelector("[data-unanswered]");

document.addEventListener("saved", (event) => {
  const told = event.detail;
  if (told.unanswered === undefined) return;
  const point = event.target.closest("li");
  for (const tag of point.querySelectorAll("[data-answered]")) tag.hidden = tag.dataset.answered !== "yes";
  left.dataset.unanswered = told.unanswered;
  for (const line of document.querySelectorAll("[data-when]")) line.hidden = (line.dataset.when === "done") !== (told.unanswered === 0);
  const count = document.querySelector("[data-count]");
  if (count) count.textContent = told.unanswered;
});

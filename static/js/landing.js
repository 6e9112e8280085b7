// A link to one place of the form (from the checks, a meter, a notice) lands in its field: shown where a filter leaves it
// out, scrolled to, and focused.

const FIELD = "input:not([type=hidden]), textarea, select";

function land() {
  const place = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!place || place.id === "main") return;
  for (let part = place; part; part = part.parentElement) part.hidden = false;
  const fields = place.matches(FIELD) ? [place] : [...place.querySelectorAll(FIELD)];
  const target = fields.find((field) => field.checked) ?? fields.find((field) => !field.closest("details:not([open])")) ?? place.querySelector("[tabindex]");
  place.scrollIntoView();
  target?.focus({ preventScroll: true });
}

addEventListener("hashchange", land);
land();

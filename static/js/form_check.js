// The form check. A ready phrase goes into the text where the cursor stands; without this script the button sends the form,
// and the page comes back with the phrase after what was typed. A document that is opened comes into sight.

for (const box of document.querySelectorAll("[data-phrases]")) {
  const field = box.closest("form").querySelector("textarea[name=text]");
  box.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-text]");
    if (!button) return;
    event.preventDefault();
    const before = field.value.slice(0, field.selectionStart);
    const gap = before && !before.endsWith("\n") ? "\n" : "";
    field.setRangeText(gap + button.dataset.text, field.selectionStart, field.selectionEnd, "end");
    field.focus();
  });
}

const viewer = document.getElementById("viewer");
for (const link of document.querySelectorAll("a[target=paper]")) {
  link.addEventListener("click", () => viewer.scrollIntoView({ block: "nearest" }));
}

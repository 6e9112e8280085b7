// Marks a region of a page: drawn with a mouse or a finger, moved and resized with the arrow keys, or typed. The four
// numbers of the form are the truth; the frame on the page shows them.

const form = document.querySelector("form[data-anchor]");
const sheet = document.querySelector("[data-sheet]");
const frame = sheet.querySelector("[data-draft]");
const fields = Object.fromEntries(["left", "top", "width", "height"].map((name) => [name, form.elements[name]]));
const STEP = 1; // percent of the page for one press of an arrow key
const LEAST = 0.5; // percent: less is a slip of the mouse
const within = (value, low, high) => Math.min(Math.max(value, low), high);

for (const part of form.querySelectorAll("[data-scripted]")) part.hidden = false;

function region() {
  const found = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, Number.parseFloat(field.value)]));
  return Object.values(found).every(Number.isFinite) ? found : null;
}

function show() {
  const { left = 0, top = 0, width = 0, height = 0 } = region() ?? {};
  for (const [name, value] of Object.entries({ x: left, y: top, width, height })) frame.setAttribute(name, String(Math.max(value, 0)));
}

function set(left, top, width, height) {
  const numbers = { left, top, width, height };
  for (const [name, field] of Object.entries(fields)) field.value = numbers[name].toFixed(1);
  show();
}

// --- drawing ---

// A finger scrolls the page until it is told to draw.
const finger = form.querySelector("[data-draw]");
finger.hidden = !window.matchMedia("(pointer: coarse)").matches;
finger.addEventListener("click", () => {
  const drawing = sheet.classList.toggle("drawing");
  finger.setAttribute("aria-pressed", String(drawing));
  if (drawing) sheet.scrollIntoView({ block: "nearest" });
});

let start = null;

function place(event) {
  const box = sheet.getBoundingClientRect();
  return [within((100 * (event.clientX - box.left)) / box.width, 0, 100), within((100 * (event.clientY - box.top)) / box.height, 0, 100)];
}

sheet.addEventListener("pointerdown", (event) => {
  if (event.button || (event.pointerType === "touch" && !sheet.classList.contains("drawing"))) return;
  start = place(event);
  sheet.setPointerCapture(event.pointerId);
  event.preventDefault();
});
sheet.addEventListener("pointermove", (event) => {
  if (!start) return;
  const [x, y] = place(event);
  const [width, height] = [Math.abs(x - start[0]), Math.abs(y - start[1])];
  if (width >= LEAST && height >= LEAST) set(Math.min(x, start[0]), Math.min(y, start[1]), width, height);
});
for (const end of ["pointerup", "pointercancel"]) sheet.addEventListener(end, () => (start = null));

// --- keys, numbers ---

const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const keys = form.querySelector("[data-keys]");

keys.addEventListener("click", () => region() ?? set(25, 25, 50, 25));
keys.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (!arrow) return;
  event.preventDefault();
  const { left, top, width, height } = region() ?? { left: 25, top: 25, width: 50, height: 25 };
  if (event.shiftKey) set(left, top, within(width + arrow[0], STEP, 100 - left), within(height + arrow[1], STEP, 100 - top));
  else set(within(left + arrow[0], 0, 100 - width), within(top + arrow[1], 0, 100 - height), width, height);
});
form.querySelector("[data-clear]").addEventListener("click", () => {
  for (const field of Object.values(fields)) field.value = "";
  show();
});
for (const field of Object.values(fields)) field.addEventListener("input", show);
show();

// The page that verifies certificates from a saved file: keys and list stand in the page, nothing is ever asked of anybody.
// A picture is read in the page too; a newer list that was downloaded can be chosen instead of the one in the page.

import { decodeQR } from "../vendor/qr/decode.js";
import { verify } from "./verify_certificate.js";

const SIDES = [2000, 4000, 1200]; // pixels: what is too fine at one size is found at another; 4096 is the most that is read
const find = (name) => document.querySelector(`[data-${name}]`);
const embedded = (name) => JSON.parse(document.getElementById(name).textContent);
const keys = embedded("issuer-keys");
let ended = embedded("revocations");

/** Today where the reader is, as ISO text. */
function today() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

/** Shows the sentence of one verdict and what the seal says. */
function tell(found) {
  for (const line of document.querySelectorAll("[data-verdict]")) line.hidden = line.dataset.verdict !== found.code;
  for (const place of document.querySelectorAll("[data-since]")) place.textContent = found.since;
  for (const place of document.querySelectorAll("[data-field]")) {
    const value = found.values[place.dataset.field];
    place.textContent = typeof value === "boolean" ? place.dataset[value ? "yes" : "no"] : String(value ?? "");
    // A certificate and a confirmation say different things: only what this one says is shown.
    place.hidden = place.previousElementSibling.hidden = !(place.dataset.field in found.values);
  }
  find("values").hidden = !("number" in found.values);
  find("result").hidden = false;
}

function tellList() {
  find("list-day").textContent = ended ? ended.day : find("list-day").dataset.none;
}

function check() {
  tell(verify(find("code").value, keys, ended, today()));
}

/** The text of the QR code in a picture; throws where none is found. */
async function textOf(file) {
  const picture = await createImageBitmap(file);
  for (const side of SIDES) {
    try {
      return decodeQR(scaled(picture, side));
    } catch {
      // the next size
    }
  }
  throw new Error("no code");
}

/** The picture in pixels, no side longer than that. */
function scaled(picture, longest) {
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  check();
});

find("picture").addEventListener("change", async ({ target }) => {
  if (!target.files.length) return;
  try {
    find("code").value = await textOf(target.files[0]);
    check();
  } catch {
    tell({ code: "no_code", values: {}, since: "" });
  }
});

find("list").addEventListener("change", async ({ target }) => {
  if (!target.files.length) return;
  try {
    ended = JSON.parse(await target.files[0].text()) ?? {};
  } catch {
    ended = {};
  }
  find("list-day").textContent = typeof ended?.day === "string" ? ended.day.slice(0, 10) : "";
  if (find("code").value.trim()) check();
});

tellList();
document.documentElement.dataset.ready = "";

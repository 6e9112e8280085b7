// The secret by which a party of a draw binds itself, made in the party's own browser. Entrusted, it goes along with the
// form; kept, only its hash does, and it is shown once. Without this script the portal makes the secret, or the person
// makes one elsewhere and types its hash.

import { sha256 } from "../vendor/noble-hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "../vendor/noble-hashes/utils.js";

const made = () => bytesToHex(crypto.getRandomValues(new Uint8Array(32)));
const hashOf = (secret) => bytesToHex(sha256(utf8ToBytes(secret)));

function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain http has no clipboard of its own.
  const box = document.createElement("textarea");
  box.value = text;
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  return done ? Promise.resolve() : Promise.reject(new Error("copy"));
}

function download(secret) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${secret}\n`], { type: "text/plain" }));
  link.download = "draw-secret.txt";
  link.click();
  URL.revokeObjectURL(link.href);
}

function prepare(form) {
  const field = form.elements.secret;
  const own = document.getElementById("own-secret").content.firstElementChild.cloneNode(true);
  const hash = form.elements.secret_hash;
  const place = hash.closest(".field");
  const kept = own.querySelector("[data-kept]");
  const notKept = own.querySelector("[data-not-kept]");
  let secret = made();

  const keepsOwn = () => form.elements.keeping.value === "self";
  const choose = () => {
    own.hidden = !keepsOwn();
    place.hidden = !keepsOwn();
    hash.readOnly = true;
    hash.value = keepsOwn() ? hashOf(secret) : "";
    field.value = keepsOwn() ? "" : secret;
  };

  kept.id = `${form.elements.action.value}-kept`;
  own.querySelector("label").htmlFor = kept.id;
  own.querySelector("output").textContent = secret;
  own.querySelector("[data-copy]").addEventListener("click", async () => {
    await copied(secret);
    own.querySelector("[data-copied]").hidden = false;
  });
  own.querySelector("[data-download]").addEventListener("click", () => download(secret));
  place.before(own);
  for (const radio of form.elements.keeping) radio.addEventListener("change", choose);
  form.addEventListener("submit", (event) => {
    if (!keepsOwn() || kept.checked) return;
    event.preventDefault();
    notKept.hidden = false;
    kept.focus();
  });
  // A page that comes back from the history must not offer the same secret a second time.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    secret = made();
    own.querySelector("output").textContent = secret;
    kept.checked = false;
    choose();
  });
  choose();
}

for (const form of document.querySelectorAll("form.actform")) {
  if (form.elements.keeping && form.elements.secret) prepare(form);
}

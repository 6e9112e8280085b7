// The page of a certificate or of a confirmation that was opened by scanning: says whether the scanned seal is the one that is registered.
// The fragment of an address never reaches the server. Without this script the page still says how the certificate stands.

const place = document.querySelector("[data-seal]");

function compare() {
  const scanned = window.location.hash.slice(1);
  const sealed = /^(v1|i1)\./.test(scanned);
  place.querySelector("[data-same]").hidden = !(sealed && scanned === place.dataset.seal);
  place.querySelector("[data-other]").hidden = !(sealed && scanned !== place.dataset.seal);
}

compare();
window.addEventListener("hashchange", compare);

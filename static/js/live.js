// Show how far a worker has come: the part of the page that changes is read anew until it stands still.
const SECONDS = 2;

async function look() {
  const shown = document.getElementById("live");
  if (!shown || !("live" in shown.dataset)) return;
  if (!document.hidden && !shown.contains(document.activeElement)) {
    try {
      const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("live");
        if (fresh) shown.replaceWith(fresh);
      }
    } catch {
      // the line will come back
    }
  }
  setTimeout(look, SECONDS * 1000);
}

setTimeout(look, SECONDS * 1000);

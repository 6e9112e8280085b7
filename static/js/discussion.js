// Tell a reader that somebody said more. The page is read anew only when the reader asks for it: nothing typed is lost.
const talk = document.getElementById("discussion");
const more = document.getElementById("more");
const SECONDS = 20;

async function look() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(talk.dataset.address, { headers: { Accept: "application/json" } });
  } catch {
    return; // the line will come back
  }
  if (!answer.ok) return;
  const { count } = await answer.json();
  more.hidden = String(count) === talk.dataset.count;
}

setInterval(look, SECONDS * 1000);
document.addEventListener("visibilitychange", look);

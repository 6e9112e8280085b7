// The members' pages follow the leader: ask for the turn, and read the page anew when it has changed.
const room = document.getElementById("meeting");
const SECONDS = 3;

async function follow() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(room.dataset.address, { headers: { Accept: "application/json" } });
  } catch {
    return; // the line will come back
  }
  if (!answer.ok) return;
  const { turn } = await answer.json();
  // What the leader is writing is never thrown away.
  const writing = [...document.querySelectorAll("textarea")].some((box) => box.value !== box.defaultValue);
  if (String(turn) !== room.dataset.turn && !writing) location.replace(location.href);
}

setInterval(follow, SECONDS * 1000);
document.addEventListener("visibilitychange", follow);

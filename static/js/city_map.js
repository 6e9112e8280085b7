// On the map of the city the arrow keys lead to the district that lies nearest in their direction.
// Without this script every district is still a link that Tab reaches and Enter opens.

const TOWARDS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ASIDE = 2; // how much more a step aside counts than one ahead

const middle = (link) => {
  const { x, y, width, height } = link.querySelector("path").getBoundingClientRect();
  return [x + width / 2, y + height / 2];
};

export function nearest(from, direction, others) {
  const [dx, dy] = direction;
  let found = null;
  let best = Infinity;
  for (const [key, [x, y]] of others) {
    const [right, down] = [x - from[0], y - from[1]];
    const ahead = right * dx + down * dy;
    const aside = Math.abs(right * dy) + Math.abs(down * dx);
    if (ahead > 0.5 && ahead >= aside / ASIDE && ahead + ASIDE * aside < best) {
      best = ahead + ASIDE * aside;
      found = key;
    }
  }
  return found;
}

for (const map of document.querySelectorAll("[data-city-map]")) {
  map.addEventListener("keydown", (event) => {
    const direction = TOWARDS[event.key];
    const link = event.target.closest("a.district");
    if (!direction || !link || event.altKey || event.ctrlKey || event.metaKey) return;
    const others = [...map.querySelectorAll("a.district")].filter((one) => one !== link).map((one) => [one, middle(one)]);
    const next = nearest(middle(link), direction, others);
    event.preventDefault(); // also where there is none: the page would scroll away under the map
    next?.focus();
  });
}

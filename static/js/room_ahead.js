// What lets the scoring room go on without a line: the items that must be marked, fetched ahead one after the other, and
// where the browser allows it a worker that keeps them and the page itself (scoring_worker.js).

const PAUSE = 1000; // ms before items are fetched ahead: the page itself comes first
const BETWEEN = 80; // ms between two items
const CLAIM = 3000; // ms in which a worker takes over a page that was open before it

export class Ahead {
  // here: the code of the item on the screen; addressOf: where an item is.
  constructor(room, links, here, addressOf) {
    Object.assign(this, { room, here, addressOf });
    this.links = links.filter((link) => "required" in link.dataset);
    this.items = new Map(); // code -> the item as a piece of the page, for browsers that keep no pages
    this.state = "unbegun";
  }

  async begin() {
    await this.keepPages().catch(() => {}); // a browser that keeps no pages does all the rest
    this.state = "waiting";
    setTimeout(() => this.fetch(), PAUSE);
  }

  // Go on where it stopped, if there is anything left.
  async fetch() {
    if (this.state !== "waiting" || navigator.connection?.saveData) return;
    this.state = "busy";
    const place = Math.max(this.links.findIndex((link) => link.dataset.code === this.here()), 0);
    const pictures = Boolean(navigator.serviceWorker?.controller);
    try {
      for (const link of [...this.links.slice(place), ...this.links.slice(0, place)]) {
        if (!this.items.has(link.dataset.code)) await this.fetchOne(link.dataset.code, pictures);
      }
      this.state = "done";
      this.room.dataset.ahead = "yes";
      document.getElementById("kept").hidden = !pictures;
    } catch {
      this.state = "waiting"; // the line is cut
    }
  }

  // One item with the small picture of its first proof; nothing of it counts as looked at.
  async fetchOne(code, pictures) {
    const address = `${this.addressOf(code)}&fragment=item&ahead=1`;
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (!response.ok || response.redirected) throw new Error("signed out, or signed");
    const text = await response.text();
    this.items.set(code, text);
    const picture = pictures && text.match(/data-small="([^"]+)"/)?.[1].replaceAll("&amp;", "&");
    if (picture) await fetch(`${picture}&ahead=1`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN));
  }

  // Browsers allow a page to be kept only where nobody on the way can change it (https, or the same machine).
  async keepPages() {
    const workers = navigator.serviceWorker;
    if (!workers) return;
    const hadOne = Boolean(workers.controller);
    await workers.register(this.room.dataset.worker);
    const registration = await workers.ready;
    const loaded = performance.getEntriesByType("resource").map((entry) => new URL(entry.name));
    const own = loaded.filter((url) => url.origin === location.origin && url.pathname.startsWith("/static/"));
    const keep = own.map((url) => url.href.split("#")[0]);
    if (!hadOne) registration.active.postMessage({ keep, page: `${location.pathname}?ahead=1` });
    if (workers.controller) return;
    await new Promise((resolve) => {
      workers.addEventListener("controllerchange", resolve, { once: true });
      setTimeout(resolve, CLAIM);
    });
  }
}

// Keeps one page readable without a line: a scoring room, or the record of a site visit. Served below the page's own address,
// so that it touches no other page.
// Everything comes from the portal as long as it answers; what came is kept, and shown again when nothing does.
// It sends nothing: that is done by the page (marks_queue.js, site_queue.js).

const ROOM = new URL("./", self.location).pathname;
const CACHE = `scoring:${ROOM}`;
const PATIENCE = 6000; // ms, after which a kept copy is shown instead of a line that says nothing

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// The page names what it has loaded before this worker was there, and where it comes from without counting as looked at.
self.addEventListener("message", (event) => {
  const { keep, page: itself } = event.data ?? {};
  if (!keep) return;
  const rows = [[ROOM, itself], ...keep.map((url) => [url, url])];
  const keeping = caches.open(CACHE).then((cache) => Promise.all(rows.map(([name, url]) => keepNow(cache, name, url))));
  event.waitUntil(keeping.then((kept) => event.ports[0]?.postMessage(!kept.includes(false))));
});

async function keepNow(cache, name, url) {
  if (await cache.match(name)) return true;
  const response = await fetch(url).catch(() => null);
  if (response?.ok && !response.redirected) await put(cache, name, response);
  return Boolean(await cache.match(name));
}

// A body that the line cut in the middle is not kept; what was there before stays.
const put = (cache, name, response) => cache.put(name, response).catch(() => {});

// One copy of a piece of the page, whether it was fetched ahead or shown.
function nameOf(url) {
  const name = new URL(url);
  name.searchParams.delete("ahead");
  name.hash = "";
  return name.href;
}

function within(milliseconds, work) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("slow")), milliseconds);
    work.then(resolve, reject);
  });
}

async function fromPortal(event, name) {
  const cache = await caches.open(CACHE);
  const asking = fetch(event.request).then((response) => {
    if (response.ok && !response.redirected && response.status === 200) event.waitUntil(put(cache, name, response.clone()));
    return response;
  });
  asking.catch(() => {});
  const kept = await cache.match(name);
  if (!kept) return asking;
  try {
    const response = await within(PATIENCE, asking);
    // Signed out, or the portal itself fails: one can go on reading; the page says what became of the line.
    return response.status === 401 || response.status >= 500 ? older(kept) : response;
  } catch {
    return older(kept);
  }
}

// The page is told that it reads a kept copy: what it shows is then told to the portal later.
function older(kept) {
  const headers = new Headers(kept.headers);
  headers.set("X-Kept", "1");
  return new Response(kept.body, { status: 200, headers });
}

async function page(event) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(event.request);
    if (response.ok && response.type === "basic") event.waitUntil(put(cache, ROOM, response.clone()));
    return response;
  } catch (error) {
    const kept = await cache.match(ROOM);
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin || request.headers.has("range")) return;
  if (request.mode === "navigate") {
    if (url.pathname === ROOM) event.respondWith(page(event));
    return;
  }
  const piece = url.pathname === ROOM && url.searchParams.get("fragment") === "item";
  if (url.pathname === ROOM && url.searchParams.get("fragment") === "whole") return event.respondWith(page(event));
  const picture = /^\/(evidence\/\d+\/pages\/\d+|photos\/\d+\/thumbnail)\/$/.test(url.pathname);
  if (piece || picture || url.pathname.startsWith("/static/")) event.respondWith(fromPortal(event, nameOf(request.url)));
});

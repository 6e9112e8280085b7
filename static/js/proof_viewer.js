// One proof beside its item: PDF pages drawn here with their text above them to read, find and copy; pictures enlarged and
// moved, the marked region kept in its place; films forward and back.
// The page arrives with a picture that the server drew; where PDF cannot be drawn here, that picture stays and turns.

const VENDOR = new URL("../vendor/pdfjs-dist/", import.meta.url);
const SCALES = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const WIDE = 960; // pixels of the server's pictures
const MOST_PIXELS = 16_000_000; // of one drawn page: more makes small machines give up
const KEPT = 3; // opened documents that stay open
const SECONDS = 5; // of a film, one key forward or back

let library = null;
const documents = new Map();

function pdfjs() {
  library ??= import(new URL("pdf.min.js", VENDOR).href).then((loaded) => {
    loaded.GlobalWorkerOptions.workerSrc = new URL("pdf.worker.min.js", VENDOR).href;
    return loaded;
  });
  library.catch(() => {
    library = null;
  });
  return library;
}

// The document at an address; read in pieces, so that a large drawing shows its page without coming whole.
async function opened(address) {
  let task = documents.get(address);
  if (!task) {
    const { getDocument } = await pdfjs();
    task = getDocument({
      url: address,
      cMapUrl: VENDOR.href,
      cMapPacked: true,
      wasmUrl: VENDOR.href,
      useWasm: false, // the policy of the pages forbids it; scripts do the same, slower
      isEvalSupported: false,
      enableXfa: false,
      disableAutoFetch: true,
      disableStream: true,
      verbosity: 0,
    });
    documents.set(address, task);
    task.promise.catch(() => documents.delete(address));
    for (const [old, other] of [...documents].slice(0, -KEPT)) {
      documents.delete(old);
      other.destroy();
    }
  }
  return task.promise;
}

class Viewer {
  constructor(box, words) {
    this.box = box;
    this.words = words;
    this.stage = box.querySelector("[data-stage]");
    this.sheet = box.querySelector(".sheet");
    this.drawing = this.sheet.querySelector("svg");
    this.face = this.sheet.querySelector("img"); // what shows the page: the server's picture, or a canvas
    this.page = Number(box.dataset.page);
    this.pages = Number(box.dataset.pages);
    this.anchor = Number(box.dataset.anchor);
    this.scale = 1;
    this.turnCount = 0;
    this.text = null; // the words of a drawn page, each over its place
    this.fitting = new ResizeObserver(() => this.fitText());
    this.watchPicture(this.face);
    box.querySelector("[data-zoom]").hidden = false;
    box.addEventListener("click", (event) => this.click(event));
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.moves();
    this.sharpen();
    if (this.face.complete) this.showRegion();
    else this.face.addEventListener("load", () => this.showRegion(), { once: true });
  }

  click(event) {
    const turn = event.target.closest("[data-turn]");
    const scale = event.target.closest("[data-scale]");
    const back = event.target.closest("[data-back]");
    if (!turn && !scale && !back) return;
    event.preventDefault();
    event.stopPropagation();
    if (turn) this.turn(Number(turn.dataset.turn));
    else if (scale) this.zoom(Number(scale.dataset.scale));
    else this.show(this.anchor);
  }

  wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? 1 : -1);
  }

  // Dragging moves an enlarged page.
  moves() {
    let from = null;
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button || event.target.closest("[data-text] span")) return; // words are marked
      from = { x: event.clientX + this.stage.scrollLeft, y: event.clientY + this.stage.scrollTop };
      this.stage.setPointerCapture(event.pointerId);
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (from) this.stage.scrollTo(from.x - event.clientX, from.y - event.clientY);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      this.stage.addEventListener(name, () => {
        from = null;
      });
    }
  }

  turn(step) {
    const page = Math.max(1, Math.min(this.page + step, this.pages));
    if (page !== this.page) this.show(page);
  }

  show(page) {
    this.page = page;
    this.erase();
    this.drawing.classList.toggle("away", page !== this.anchor || !this.drawing.children.length);
    const place = this.box.querySelector("[data-place]");
    if (place) place.textContent = this.words.page.replace("{n}", page).replace("{total}", this.pages);
    for (const link of this.box.querySelectorAll("[data-turn]")) {
      const other = page + Number(link.dataset.turn);
      link.toggleAttribute("aria-disabled", other < 1 || other > this.pages);
      if (other < 1 || other > this.pages) link.setAttribute("aria-disabled", "true");
    }
    this.box.querySelector("[data-back]").hidden = page === this.anchor;
    this.sharpen().then((drawn) => {
      if (!drawn) this.picture();
      this.stage.scrollTop = 0;
      this.showRegion();
    });
  }

  zoom(step) {
    const place = SCALES.indexOf(this.scale) + step;
    this.scale = SCALES[Math.max(0, Math.min(place, SCALES.length - 1))];
    this.box.querySelector("[data-percent]").textContent = `${Math.round(this.scale * 100)}%`;
    this.sheet.style.width = `${this.scale * 100}%`;
    if (this.box.dataset.kind === "pdf") this.sharpen();
    else if (this.scale > 1 && !this.face.dataset.whole) {
      this.face.dataset.whole = "yes"; // the photo itself, as it was handed in
      this.face.src = this.box.dataset.file;
    }
  }

  // Draw the present page at the present size; whether that was possible.
  async sharpen() {
    if (this.box.dataset.kind !== "pdf") return false;
    const turn = ++this.turnCount;
    const number = this.page;
    this.stage.setAttribute("aria-busy", "true");
    try {
      const leaf = await (await opened(this.box.dataset.file)).getPage(number);
      if (turn !== this.turnCount || !this.box.isConnected) return true;
      const whole = leaf.getViewport({ scale: 1 });
      const wanted = ((this.stage.clientWidth || WIDE) * this.scale * Math.min(devicePixelRatio || 1, 2)) / whole.width;
      const scale = Math.min(wanted, Math.sqrt(MOST_PIXELS / (whole.width * whole.height)));
      const viewport = leaf.getViewport({ scale });
      const canvas = document.createElement("canvas");
      canvas.width = Math.floor(viewport.width);
      canvas.height = Math.floor(viewport.height);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", this.face.alt ?? this.face.getAttribute("aria-label"));
      await leaf.render({ canvas, viewport }).promise;
      if (turn !== this.turnCount || !this.box.isConnected) return true;
      canvas.dataset.page = number;
      this.face.replaceWith(canvas);
      this.face = canvas;
      await this.write(leaf, number, turn).catch(() => this.erase()); // the drawing stands without its words
      return true;
    } catch {
      return turn !== this.turnCount;
    } finally {
      if (turn === this.turnCount) this.stage.removeAttribute("aria-busy");
    }
  }

  // The words of the drawn page, unseen above it; enlarging moves them with the page. Scanned pages have none.
  async write(leaf, number, turn) {
    if (this.text?.dataset.text === String(number)) return;
    const { TextLayer } = await pdfjs();
    const layer = document.createElement("div");
    layer.className = "textlayer";
    layer.dataset.text = number;
    const viewport = leaf.getViewport({ scale: 1 });
    await new TextLayer({ textContentSource: leaf.streamTextContent(), container: layer, viewport }).render();
    if (turn !== this.turnCount || !this.box.isConnected) return;
    layer.style.width = layer.style.height = ""; // as large as the page, whatever that is by now
    layer.dataset.wide = viewport.width;
    this.erase();
    this.text = layer;
    this.sheet.append(layer);
    this.fitting.observe(this.sheet);
    this.fitText();
  }

  erase() {
    this.text?.remove();
    this.text = null;
  }

  fitText() {
    this.text?.style.setProperty("--page-scale", this.sheet.clientWidth / Number(this.text.dataset.wide));
  }

  // The server's picture of the present page.
  picture() {
    this.erase();
    const image = document.createElement("img");
    image.alt = this.face.alt ?? this.face.getAttribute("aria-label");
    const address = this.box.dataset.pictures.replace("/pages/0/", `/pages/${this.page}/`);
    image.dataset.small = `${address}?width=480`;
    this.watchPicture(image);
    image.src = `${address}?width=${WIDE}`;
    this.face.replaceWith(image);
    this.face = image;
  }

  // Without a line there may be only the small picture that was fetched ahead.
  watchPicture(image) {
    const smaller = () => {
      if (image.dataset.small && !image.src.endsWith(image.dataset.small)) image.src = image.dataset.small;
    };
    image.addEventListener("error", smaller);
    if (image.complete && image.src && !image.naturalWidth) smaller();
  }

  // Bring the marked region into the window of the page.
  showRegion() {
    const region = this.drawing.querySelector("rect");
    if (!region || this.page !== this.anchor) return;
    const top = (Number(region.getAttribute("y")) / 100) * this.sheet.clientHeight;
    if (top > this.stage.clientHeight / 2) this.stage.scrollTop = top - 40;
  }
}

// A film takes the keys of pages: forward and back by seconds. It has no other size than the one on the screen.
class Film {
  constructor(video) {
    this.video = video;
  }

  turn(step) {
    const end = Number.isFinite(this.video.duration) ? this.video.duration : 0;
    this.video.currentTime = Math.max(0, Math.min(this.video.currentTime + step * SECONDS, end));
  }

  zoom() {}
}

// Begin to show the proof of a freshly drawn item; null where there is none that has pages or runs.
export function viewerOf(part, words) {
  const film = part.querySelector("video[data-proof]");
  if (film) return new Film(film);
  const box = part.querySelector("[data-stage]")?.closest("[data-proof]");
  return box ? new Viewer(box, words) : null;
}

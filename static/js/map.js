// A map of the city's districts on which the place of a community is chosen: by click, by tap, by arrow keys.
// The two number fields stay its twin: each follows the other, and without this script they do the work alone.
// Plate carrée projection, true to scale on the parallel of 30.2° north: x = longitude × cos 30.2°, y = −latitude.
// One unit of the viewBox is a thousandth of a degree of latitude.

const SCALE = 1000;
const SQUEEZE = Math.cos((30.2 * Math.PI) / 180);
const STEPS = 120; // an arrow key moves the mark by one such part of what is seen, with Shift by ten
const CLOSEST = 8; // units: no closer look than about 900 metres
const DIGITS = 6;
const MARGIN = 1.12;

const svg = (name, attributes, ...inside) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
};
const across = ({ longitude }) => longitude * SQUEEZE * SCALE;
const down = ({ latitude }) => -latitude * SCALE;

function crossings(ring, point) {
  let count = 0;
  for (let place = 1; place < ring.length; place += 1) {
    const [x1, y1] = ring[place - 1];
    const [x2, y2] = ring[place];
    if (y1 > point.latitude !== y2 > point.latitude)
      count += Number(point.longitude < x1 + ((point.latitude - y1) * (x2 - x1)) / (y2 - y1));
  }
  return count;
}

class District {
  constructor(feature) {
    this.code = feature.id;
    this.name = feature.properties.name;
    this.polygons = feature.geometry.coordinates;
    const points = this.polygons.flat(2).map(([longitude, latitude]) => ({ longitude, latitude }));
    this.left = Math.min(...points.map(across));
    this.right = Math.max(...points.map(across));
    this.top = Math.min(...points.map(down));
    this.bottom = Math.max(...points.map(down));
    const place = ([longitude, latitude]) => `${across({ longitude }).toFixed(2)} ${down({ latitude }).toFixed(2)}`;
    const outline = this.polygons.flat().map((ring) => `M${ring.map(place).join("L")}Z`);
    this.shape = svg("path", { d: outline.join(""), class: "mapdistrict", "fill-rule": "evenodd" });
    this.label = svg("text", {
      x: (this.left + this.right) / 2, y: (this.top + this.bottom) / 2, class: "maplabel", "text-anchor": "middle",
    });
    this.label.textContent = this.name;
  }

  holds(point) {
    return this.polygons.some((rings) => rings.reduce((sum, ring) => sum + crossings(ring, point), 0) % 2 === 1);
  }
}

class CityMap {
  constructor(box, features) {
    this.box = box;
    this.words = box.dataset;
    this.view = box.querySelector("[data-map-view]");
    this.status = box.querySelector("[data-map-status]");
    this.districts = features.map((feature) => new District(feature));
    this.mark = svg("g", { class: "mapmark", visibility: "hidden" }, svg("circle", { r: 1 }), svg("circle", { r: 0.3 }));
    this.view.append(
      svg("g", {}, ...this.districts.map((district) => district.shape)),
      svg("g", { "aria-hidden": "true" }, ...this.districts.map((district) => district.label)),
      this.mark,
    );
    this.point = null;
    this.whole = this.framed(this.districts);
    this.latitude = document.getElementById("id_latitude");
    this.longitude = document.getElementById("id_longitude");
    this.district = document.getElementById("id_district");
    box.hidden = false; // before anything is measured
    if (this.latitude) this.choosing();
    this.point = this.written();
    this.frameChosen();
    if (this.latitude && this.point) this.tell();
    new ResizeObserver(() => this.draw()).observe(this.view);
  }

  choosing() {
    this.proposal = this.box.querySelector("[data-map-proposal]");
    this.view.addEventListener("click", (event) => this.clicked(event));
    this.view.addEventListener("keydown", (event) => this.pressed(event));
    for (const field of [this.latitude, this.longitude])
      field.addEventListener("input", () => {
        this.point = this.written();
        this.follow();
        this.draw();
        this.tell();
      });
    this.district?.addEventListener("change", () => {
      this.frameChosen();
      this.tell();
    });
    for (const button of this.box.querySelectorAll("[data-map-zoom]"))
      button.addEventListener("click", () => this.zoom(Number(button.dataset.mapZoom)));
    this.box.querySelector("[data-map-district]")?.addEventListener("click", () => this.frameChosen());
    this.box.querySelector("[data-map-whole]").addEventListener("click", () => this.look(this.whole));
    this.proposal?.querySelector("button").addEventListener("click", () => {
      this.district.value = this.found.code;
      this.district.dispatchEvent(new Event("change", { bubbles: true }));
      this.view.focus();
    });
  }

  // --- what is seen

  framed(districts) {
    const left = Math.min(...districts.map((one) => one.left));
    const right = Math.max(...districts.map((one) => one.right));
    const top = Math.min(...districts.map((one) => one.top));
    const bottom = Math.max(...districts.map((one) => one.bottom));
    const width = Math.max((right - left) * MARGIN, ((bottom - top) * MARGIN) / 0.75);
    return { x: (left + right) / 2, y: (top + bottom) / 2, width };
  }

  look(frame) {
    const width = Math.min(Math.max(frame.width, CLOSEST), this.whole.width);
    this.frame = { ...frame, width };
    this.draw();
  }

  frameChosen() {
    const code = this.district ? this.district.value : this.words.district;
    const chosen = this.districts.filter((one) => one.code === code);
    this.look(chosen.length ? this.framed(chosen) : this.whole);
    this.follow();
  }

  zoom(times) {
    const centre = this.point ? { x: across(this.point), y: down(this.point) } : this.frame;
    this.look({ x: centre.x, y: centre.y, width: this.frame.width / times });
  }

  follow() {
    // The mark never leaves what is seen.
    if (!this.point) return;
    const { x, y, width } = this.frame;
    const far = Math.abs(across(this.point) - x) > width * 0.46 || Math.abs(down(this.point) - y) > width * 0.75 * 0.46;
    if (far && this.inside()) this.look({ x: across(this.point), y: down(this.point), width });
  }

  inside() {
    const { x, y, width } = this.whole;
    return Math.abs(across(this.point) - x) < width && Math.abs(down(this.point) - y) < width;
  }

  draw() {
    const { x, y, width } = this.frame;
    const height = width * 0.75;
    this.view.setAttribute("viewBox", `${x - width / 2} ${y - height / 2} ${width} ${height}`);
    const pixel = width / (this.view.clientWidth || 600);
    const chosen = this.district ? this.district.value : this.words.district;
    for (const one of this.districts) {
      one.shape.classList.toggle("chosen", one.code === chosen);
      if (one.code === chosen) one.shape.parentNode.append(one.shape); // its border lies above its neighbours'
    }
    this.drawNames(pixel);
    this.mark.setAttribute("visibility", this.point && this.inside() ? "visible" : "hidden");
    if (this.point)
      this.mark.setAttribute("transform", `translate(${across(this.point)} ${down(this.point)}) scale(${9 * pixel})`);
  }

  drawNames(pixel) {
    // The larger district first; a name that does not fit into its district, or meets another one, is left out.
    const taken = [];
    const bySize = [...this.districts].sort((one, other) => other.right - other.left - (one.right - one.left));
    for (const one of bySize) {
      const [width, height] = [one.name.length * 14 * pixel, 18 * pixel];
      const [x, y] = [(one.left + one.right) / 2, (one.top + one.bottom) / 2];
      const meets = taken.some(([left, top, wide]) => Math.abs(left - x) < (wide + width) / 2 && Math.abs(top - y) < height);
      const fits = one.right - one.left > width && !meets;
      if (fits) taken.push([x, y, width]);
      one.label.setAttribute("font-size", (13 * pixel).toFixed(3));
      one.label.setAttribute("visibility", fits ? "visible" : "hidden");
    }
  }

  // --- choosing

  written() {
    const read = (field, kept) => (field ? field.value : (kept ?? "")).trim();
    const latitude = read(this.latitude, this.words.latitude);
    const longitude = read(this.longitude, this.words.longitude);
    if (latitude === "" || longitude === "" || Number.isNaN(Number(latitude) + Number(longitude))) return null;
    return { latitude: Number(latitude), longitude: Number(longitude) };
  }

  clicked(event) {
    if (event.detail === 0) return;
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.view.getScreenCTM().inverse());
    this.choose({ latitude: -place.y / SCALE, longitude: place.x / SCALE / SQUEEZE });
    this.view.focus();
  }

  pressed(event) {
    const ways = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.zoom(2);
    else if (event.key === "-") this.zoom(0.5);
    else if (ways[event.key]) this.move(ways[event.key], event.shiftKey ? 10 : 1);
    else return;
    event.preventDefault();
  }

  move([right, below], times) {
    const from = this.point && this.inside() ? { x: across(this.point), y: down(this.point) } : this.frame;
    const step = (this.frame.width / STEPS) * times;
    const first = !this.point; // the first key puts the mark in the middle
    const x = from.x + (first ? 0 : right * step);
    const y = from.y + (first ? 0 : below * step);
    this.choose({ latitude: -y / SCALE, longitude: x / SCALE / SQUEEZE });
  }

  choose(point) {
    this.latitude.value = point.latitude.toFixed(DIGITS);
    this.longitude.value = point.longitude.toFixed(DIGITS);
    this.point = this.written();
    this.follow();
    const found = this.districts.find((one) => one.holds(this.point));
    // A district that nobody chose yet is chosen; one that somebody chose is only proposed otherwise.
    if (found && this.district && !this.district.value) {
      this.district.value = found.code;
      this.district.dispatchEvent(new Event("change", { bubbles: true }));
    }
    this.draw();
    this.tell();
  }

  tell() {
    this.found = this.point ? this.districts.find((one) => one.holds(this.point)) : null;
    const place = this.found?.name ?? this.words.nowhere;
    this.status.textContent = this.point
      ? `${this.words.here} ${this.point.latitude.toFixed(DIGITS)}, ${this.point.longitude.toFixed(DIGITS)} · ${place}`
      : "";
    if (!this.proposal) return;
    const other = this.found && this.district?.value && this.district.value !== this.found.code;
    this.proposal.hidden = !other;
    if (other) this.proposal.querySelector("b").textContent = this.found.name;
  }
}

for (const box of document.querySelectorAll("[data-map]")) {
  const response = await fetch(box.dataset.map);
  if (response.ok) new CityMap(box, (await response.json()).features);
}

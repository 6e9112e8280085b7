// A pane to sign on, by finger, pen or mouse: strokes of whole numbers in a field of 1000 x 400, whatever its size on the
// screen. Whoever uses keys types the name and the password instead.

const WIDTH = 1000;
const HEIGHT = 400;
const NEAR = 4; // in the field's own measure: points closer than this say nothing

export class SignaturePane {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = [];
    this.stroke = null;
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    this.pen = canvas.getContext("2d");
    Object.assign(this.pen, { lineWidth: 8, lineCap: "round", lineJoin: "round", strokeStyle: "#1a1a1a", fillStyle: "#1a1a1a" });
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) canvas.addEventListener(end, () => this.end());
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = Math.round(((event.clientX - box.left) / box.width) * WIDTH);
    const y = Math.round(((event.clientY - box.top) / box.height) * HEIGHT);
    return [Math.min(Math.max(x, 0), WIDTH), Math.min(Math.max(y, 0), HEIGHT)];
  }

  begin(event) {
    if (event.button > 0) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.stroke = [this.at(event)];
    this.strokes.push(this.stroke);
  }

  move(event) {
    if (!this.stroke) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const point = this.at(one);
      const [x, y] = this.stroke.at(-1);
      if (Math.hypot(point[0] - x, point[1] - y) < NEAR) continue;
      this.pen.beginPath();
      this.pen.moveTo(x, y);
      this.pen.lineTo(...point);
      this.pen.stroke();
      this.stroke.push(point);
    }
  }

  end() {
    if (!this.stroke) return;
    this.stroke = null;
    this.changed();
  }

  clear() {
    this.strokes = [];
    this.stroke = null;
    this.pen.clearRect(0, 0, WIDTH, HEIGHT);
    this.changed();
  }
}

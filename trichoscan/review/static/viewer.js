// A photo that can be zoomed and moved, with what is drawn on it. Points are photo px, centre of pixel.

const MOST_ZOOM = 24;
const KEY_PAN_PX = 60;
const CLICK_PX = { mouse: 4, pen: 8, touch: 12 };

/** Colours of Okabe and Ito, which colour-blind people tell apart; kinds also differ in dash. */
export const KINDS = {
  terminal: { colour: "#56b4e9", dash: [], words: "terminal" },
  vellus: { colour: "#f0e442", dash: [6, 3], words: "vellus" },
  unmeasured: { colour: "#cc79a7", dash: [2, 3], words: "no diameter" },
};
export const CHOSEN = "#ffffff";
export const DRAWN = "#e69f00";

export class Viewer {
  /**
   * @param canvas fills its parent
   * @param handlers click(point, event), move(point), paint(context, viewer), changed(viewer)
   */
  constructor(canvas, handlers) {
    this.canvas = canvas;
    this.handlers = handlers;
    this.picture = null;
    this.size = [1, 1];
    this.scale = 1;
    this.origin = [0, 0];
    this.pointers = new Map();
    this.wanted = false;
    this.fitted = true;
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(canvas.parentElement);
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => this[name](event));
    canvas.addEventListener("dblclick", (event) => this.handlers.double?.(this.toPhoto(event.offsetX, event.offsetY), event));
  }

  close() {
    this.watcher.disconnect();
  }

  show(picture, size) {
    this.picture = picture;
    this.size = size;
    this.fit();
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    this.canvas.style.width = `${clientWidth}px`;
    this.canvas.style.height = `${clientHeight}px`;
    if (this.fitted) this.fit();
    else this.paint();
  }

  get view() {
    return [this.canvas.clientWidth, this.canvas.clientHeight];
  }

  fit() {
    const [width, height] = this.view;
    this.scale = Math.min(width / this.size[0], height / this.size[1]) || 1;
    this.origin = [(width - this.size[0] * this.scale) / 2, (height - this.size[1] * this.scale) / 2];
    this.fitted = true;
    this.paint();
  }

  /** Zoom about a place of the view, in CSS px. */
  zoom(factor, at = [this.view[0] / 2, this.view[1] / 2]) {
    const least = Math.min(this.view[0] / this.size[0], this.view[1] / this.size[1]) * 0.7;
    const scale = Math.min(Math.max(this.scale * factor, least), MOST_ZOOM);
    const ratio = scale / this.scale;
    this.origin = this.origin.map((o, k) => at[k] - (at[k] - o) * ratio);
    this.scale = scale;
    this.fitted = false;
    this.paint();
  }

  pan(dx, dy) {
    this.origin = [this.origin[0] + dx, this.origin[1] + dy];
    this.fitted = false;
    this.paint();
  }

  panKey(x, y) {
    this.pan(-x * KEY_PAN_PX, -y * KEY_PAN_PX);
  }

  /** Bring a box of the photo into view, with room about it. */
  focus([x0, y0, x1, y1], room = 90) {
    const [width, height] = this.view;
    const fits = Math.min(width / (x1 - x0 + 2 * room), height / (y1 - y0 + 2 * room));
    this.scale = Math.min(Math.max(fits, Math.min(width / this.size[0], height / this.size[1])), 6);
    this.origin = [width / 2 - ((x0 + x1) / 2 + 0.5) * this.scale, height / 2 - ((y0 + y1) / 2 + 0.5) * this.scale];
    this.fitted = false;
    this.paint();
  }

  /** Photo px of a place in the view. */
  toPhoto(x, y) {
    return [(x - this.origin[0]) / this.scale - 0.5, (y - this.origin[1]) / this.scale - 0.5];
  }

  toView([x, y]) {
    return [(x + 0.5) * this.scale + this.origin[0], (y + 0.5) * this.scale + this.origin[1]];
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 33 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), [event.offsetX, event.offsetY]);
  }

  pointerdown(event) {
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.start = this.pointers.size === 1 ? [event.offsetX, event.offsetY] : null;
    this.moved = false;
  }

  pointermove(event) {
    const before = this.pointers.get(event.pointerId);
    const now = [event.offsetX, event.offsetY];
    if (!before) {
      this.handlers.move?.(this.toPhoto(...now), event);
      return;
    }
    if (this.pointers.size === 2) {
      const other = [...this.pointers.entries()].find(([id]) => id !== event.pointerId)[1];
      const apart = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
      this.zoom(apart(now) / Math.max(apart(before), 1), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
      this.moved = true;
    } else if (this.moved || !this.start || Math.hypot(now[0] - this.start[0], now[1] - this.start[1]) > (CLICK_PX[event.pointerType] ?? CLICK_PX.mouse)) {
      this.moved = true;
      this.pan(now[0] - before[0], now[1] - before[1]);
    }
    this.pointers.set(event.pointerId, now);
  }

  pointerup(event) {
    this.pointers.delete(event.pointerId);
    if (!this.moved && this.start && event.button === 0) this.handlers.click?.(this.toPhoto(event.offsetX, event.offsetY), event);
    this.start = null;
  }

  pointercancel(event) {
    this.pointers.delete(event.pointerId);
    this.start = null;
  }

  /** Ask for a new picture; drawn once a frame. */
  paint() {
    if (this.wanted) return;
    this.wanted = true;
    requestAnimationFrame(() => {
      this.wanted = false;
      this.draw();
    });
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#15191d";
    context.fillRect(0, 0, ...this.view);
    if (this.picture) {
      context.imageSmoothingEnabled = this.scale < 3;
      context.imageSmoothingQuality = "high";
      context.drawImage(this.picture, this.origin[0], this.origin[1], this.size[0] * this.scale, this.size[1] * this.scale);
    }
    this.handlers.paint?.(context, this);
    this.handlers.changed?.(this);
  }

  /** Way of a line on the view, ready to stroke. */
  trace(context, points, closed = false) {
    context.beginPath();
    for (const [k, point] of points.entries()) {
      const [x, y] = this.toView(point);
      if (k) context.lineTo(x, y);
      else context.moveTo(x, y);
    }
    if (closed) context.closePath();
  }

  /** A hair: both edges where its width is known and can be seen, else its middle; a ring at its root. */
  hair(context, hair, { chosen = false, hovered = false, faint = false, colour = null, dash = null, label = "" } = {}) {
    const kind = KINDS[hair.kind] ?? KINDS.unmeasured;
    context.save();
    context.globalAlpha = faint ? 0.45 : 1;
    context.lineCap = "round";
    context.lineJoin = "round";
    const wide = chosen || hovered ? 2.6 : 1.7;
    const stroke = (points) => {
      this.trace(context, points);
      context.setLineDash([]);
      context.strokeStyle = "rgba(12, 16, 20, 0.75)";
      context.lineWidth = wide + 1.6;
      context.stroke();
      context.setLineDash(dash ?? kind.dash);
      context.strokeStyle = chosen ? CHOSEN : colour ?? kind.colour;
      context.lineWidth = wide;
      context.stroke();
    };
    const half = (hair.diameter_px ?? 0) / 2;
    if (half * this.scale > 2.5) {
      stroke(offset(hair.path, half));
      stroke(offset(hair.path, -half));
    } else {
      stroke(hair.path);
    }
    context.setLineDash([]);
    const [x, y] = this.toView(hair.path[0]);
    context.beginPath();
    context.arc(x, y, Math.max(3.2, Math.min(1.2 * half * this.scale, 9)), 0, 2 * Math.PI);
    context.fillStyle = chosen ? CHOSEN : colour ?? kind.colour;
    context.strokeStyle = "rgba(12, 16, 20, 0.85)";
    context.lineWidth = 1.4;
    context.fill();
    context.stroke();
    if (label) this.label(context, label, hair.path[0]);
    context.restore();
  }

  label(context, text, point) {
    const [x, y] = this.toView(point);
    context.font = "600 12px system-ui, sans-serif";
    const width = context.measureText(text).width;
    context.fillStyle = "rgba(12, 16, 20, 0.8)";
    context.fillRect(x + 8, y - 18, width + 8, 17);
    context.fillStyle = "#ffffff";
    context.fillText(text, x + 12, y - 5);
  }
}

/** The line moved sideways by so many px. */
function offset(path, by) {
  return path.map((point, k) => {
    const a = path[Math.max(k - 1, 0)];
    const b = path[Math.min(k + 1, path.length - 1)];
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
    return [point[0] - ((b[1] - a[1]) / length) * by, point[1] + ((b[0] - a[0]) / length) * by];
  });
}

/** Distance from a point to a line, px. */
export function distance(path, [x, y]) {
  let best = Infinity;
  for (let k = 0; k + 1 < path.length; k++) {
    const [ax, ay] = path[k];
    const [dx, dy] = [path[k + 1][0] - ax, path[k + 1][1] - ay];
    const share = Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1), 0), 1);
    best = Math.min(best, Math.hypot(x - ax - share * dx, y - ay - share * dy));
  }
  return best;
}

/** The hair under a place, or null: within 10 px of the screen. */
export function hairAt(hairs, point, viewer) {
  let best = null;
  let least = 10 / viewer.scale;
  for (const hair of hairs) {
    const away = distance(hair.path, point) - (hair.diameter_px ?? 0) / 4;
    if (away < least) {
      least = away;
      best = hair;
    }
  }
  return best;
}

/** Smallest box about a line. */
export function box(path) {
  const x = path.map((p) => p[0]);
  const y = path.map((p) => p[1]);
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

export function loadPicture(address) {
  return new Promise((done, failed) => {
    const picture = new Image();
    picture.onload = () => done(picture);
    picture.onerror = () => failed(new Error("the photo cannot be shown: is it still where it was measured?"));
    picture.src = address;
  });
}

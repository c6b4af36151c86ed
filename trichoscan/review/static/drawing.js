// Drawing on a photo: points are put by clicks or with a crosshair moved by the arrow keys.

import { tell } from "./api.js";
import { notice } from "./dom.js";

const HINTS = {
  select: "",
  add: "Add a hair: click its root, along the shaft, its tip. Double click, Enter or Done ends it.",
  split: "Split: click where the second hair begins.",
  move_root: "Move the root: click where the hair leaves the skin.",
  area: "Counting area: click its corners. Double click, Enter or Done closes it.",
  exclude: "Exclude: click the corners of what is not to be counted. Double click, Enter or Done closes it.",
};

export class Drawing {
  constructor(view) {
    this.view = view;
    this.begin("select");
  }

  begin(mode) {
    this.mode = mode;
    this.points = [];
    this.tried = null;
    this.crosshair = null;
    this.byKeys = false;
    const needs = ["split", "move_root"].includes(mode);
    if (needs && (this.view.chosen.length !== 1 || typeof this.view.chosen[0] !== "number")) {
      notice("Choose one hair first.", "bad");
      this.mode = "select";
    }
    if (this.view.canvas) this.view.canvas.style.cursor = this.mode === "select" ? "grab" : "crosshair";
  }

  hint() {
    return HINTS[this.mode];
  }

  aim(point) {
    this.crosshair = point;
    this.byKeys = false;
    this.view.viewer.paint();
  }

  /** Arrow keys: a step of 12 px of the screen, 1 px of the photo with Shift. */
  nudge(x, y, fine) {
    const viewer = this.view.viewer;
    this.crosshair ??= viewer.toPhoto(viewer.view[0] / 2, viewer.view[1] / 2);
    this.byKeys = true;
    const step = fine ? 1 : 12 / viewer.scale;
    const [width, height] = this.view.photo.width_px ? [this.view.photo.width_px, this.view.photo.height_px] : viewer.size;
    this.crosshair = [
      Math.min(Math.max(this.crosshair[0] + x * step, 0), width - 1),
      Math.min(Math.max(this.crosshair[1] + y * step, 0), height - 1),
    ];
    const [vx, vy] = viewer.toView(this.crosshair);
    if (vx < 30 || vy < 30 || vx > viewer.view[0] - 30 || vy > viewer.view[1] - 30) viewer.pan(-x * 160, -y * 160);
    viewer.paint();
  }

  putAtCrosshair() {
    if (this.mode === "select") return;
    if (!this.crosshair) this.nudge(0, 0, true);
    this.put(this.crosshair);
  }

  put(point) {
    const last = this.points.at(-1);
    const near = last && Math.hypot(point[0] - last[0], point[1] - last[1]) * this.view.viewer.scale < 4;
    if (!near) this.points.push(point.map((value) => Math.round(value * 10) / 10));
    if (this.mode === "split") return this.send({ what: "split", hair: this.view.chosen[0], at: this.points[0] });
    if (this.mode === "move_root") return this.send({ what: "move_root", hair: this.view.chosen[0], to: this.points[0] });
    if (this.mode === "add" && this.points.length > 1 && !near) this.tryHair();
    this.view.viewer.paint();
  }

  /** Show the shaft that the points lie on, before it is added. */
  async tryHair() {
    const points = this.points.slice();
    try {
      const tried = await tell(`${this.view.address}/try`, { points });
      if (points.length === this.points.length && this.mode === "add") {
        this.tried = tried;
        const um = tried.diameter_um === null ? "no diameter" : `${tried.diameter_um} µm`;
        notice(tried.seen ? `Shaft found, ${um}. Enter adds it.` : "No shaft is seen there: it would stand as drawn.");
        this.view.viewer.paint();
      }
    } catch (error) {
      notice(error.message, "bad");
    }
  }

  /** Points that what is drawn needs; undefined where the first one ends it. */
  get least() {
    return { add: 2, area: 3, exclude: 3 }[this.mode];
  }

  finish() {
    if (!this.least) return;
    if (this.points.length < this.least) return notice(`Put at least ${this.least} points.`, "bad");
    this.send({ what: this.mode, points: this.points });
  }

  async send(request) {
    const { view } = this;
    const again = this.mode === "add" ? "add" : "select";
    const before = view.newest();
    this.begin(again);
    await view.act(request);
    if (again === "select") view.chooseNew(before);
  }
}

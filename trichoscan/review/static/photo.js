// One photo: look at its hairs, correct them, sign it off.

import { ask } from "./api.js";
import { correct } from "./correct.js";
import { el, entitle, notice } from "./dom.js";
import { useKeys } from "./keys.js";
import { Drawing } from "./drawing.js";
import { paintPhoto } from "./paint.js";
import { photoKeys } from "./photo_keys.js";
import { finishing, legend, panelOf, toolbar } from "./photo_panel.js";
import { box, hairAt, loadPicture, Viewer } from "./viewer.js";

export class PhotoView {
  constructor(key) {
    this.key = key;
    this.chosen = [];
    this.hovered = null;
    this.hidden = false;
    this.busy = false;
    this.drawing = new Drawing(this);
    this.nextPhoto = null;
  }

  get address() {
    return `/api/photos/${this.key}`;
  }

  async open(main) {
    this.photo = await ask(this.address);
    main.replaceChildren(this.layout());
    this.viewer = new Viewer(this.canvas, {
      click: (point, event) => this.click(point, event),
      double: () => this.drawing.finish(),
      move: (point) => this.move(point),
      paint: (context, viewer) => paintPhoto(context, viewer, this),
      changed: (viewer) => (this.zoomText.textContent = `${Math.round(viewer.scale * 100)} %`),
    });
    entitle(this.photo.image, this.photo.user);
    useKeys(photoKeys(this));
    this.fill();
    const picture = await loadPicture(`${this.address}/picture.jpg`);
    this.viewer.show(picture, [this.photo.width_px, this.photo.height_px]);
    this.canvas.dataset.ready = "true";
    this.findNext();
  }

  close() {
    this.viewer?.close();
  }

  async findNext() {
    const list = await ask("/api/worklist");
    const others = list.photos.filter((row) => ["new", "open"].includes(row.review) && row.key !== this.key);
    this.nextPhoto = others[0]?.key ?? null;
  }

  layout() {
    this.canvas = el("canvas", { tabindex: 0, id: "canvas", role: "application", "aria-label": "Photo with its hairs: see Keys" });
    this.zoomText = el("span", { class: "zoom" });
    this.tools = el("div", { class: "tools", role: "toolbar", "aria-label": "What a click does" });
    this.hint = el("p", { class: "canvas-hint", id: "hint" });
    this.finish = el("p", { class: "finish row" });
    this.panel = el("aside", { class: "panel", "aria-label": "Figures and hairs" });
    return el(
      "div",
      { class: "bench" },
      el("section", { class: "stage" }, this.tools, el("div", { class: "canvas" }, this.canvas, this.hint, this.finish, legend())),
      this.panel,
    );
  }

  /** Put the state into toolbar and panel. */
  fill() {
    this.chosen = this.chosen.filter((id) => this.find(id));
    const scroll = this.panel.scrollTop;
    this.tools.replaceChildren(...toolbar(this));
    this.panel.replaceChildren(...panelOf(this));
    this.panel.scrollTop = scroll;
    this.hint.textContent = this.drawing.hint();
    this.finish.replaceChildren(...finishing(this));
    this.viewer?.paint();
  }

  /** Hairs and candidates worth a look, the most doubtful first. */
  queue() {
    const hairs = this.photo.hairs.filter((hair) => hair.why && hair.counted).map((hair) => [hair.doubt, hair]);
    const others = this.candidates().map((hair) => [hair.confidence, hair]);
    return [...hairs, ...others].sort((a, b) => b[0] - a[0]).map(([, hair]) => hair);
  }

  candidates() {
    return this.photo.candidates.map((hair) => ({ ...hair, id: `c${hair.index}`, kind: "unmeasured" }));
  }

  find(id) {
    return this.photo.hairs.find((hair) => hair.id === id) ?? this.candidates().find((hair) => hair.id === id);
  }

  // What the user does

  mode(name) {
    if (name !== "select" && this.photo.signed_by) return notice(`${this.photo.signed_by} signed this off: open it again first`, "bad");
    this.drawing.begin(name);
    this.fill();
    this.canvas.focus({ preventScroll: true });
  }

  choose(ids, look = false) {
    this.chosen = ids;
    const hair = ids.length ? this.find(ids.at(-1)) : null;
    if (hair && look) this.viewer.focus(box(hair.path));
    this.fill();
  }

  step(by) {
    const rows = this.queue();
    if (!rows.length) return notice("Nothing here is worth a look.");
    const at = rows.findIndex((hair) => hair.id === this.chosen.at(-1));
    this.choose([rows[(at + by + rows.length + (at < 0 && by < 0 ? 1 : 0)) % rows.length].id], true);
  }

  stepHair(by) {
    const hairs = this.photo.hairs;
    if (!hairs.length) return;
    const at = hairs.findIndex((hair) => hair.id === this.chosen.at(-1));
    this.choose([...(this.kept ?? []), hairs[(at + by + hairs.length + (at < 0 && by < 0 ? 1 : 0)) % hairs.length].id], true);
  }

  /** Keep the chosen hair chosen while another is looked for: for joining by keyboard. */
  keep() {
    this.kept = this.kept?.length ? null : this.chosen.slice(0, 1);
    notice(this.kept ? `Hair ${this.kept[0]} is kept: choose the second one` : "No hair is kept");
  }

  click(point, event) {
    if (this.drawing.mode !== "select") return this.drawing.put(point);
    const hair = hairAt([...this.photo.hairs, ...this.candidates()], point, this.viewer);
    if (!hair) return this.choose([]);
    if (this.kept?.length && !this.kept.includes(hair.id)) return this.choose([this.kept[0], hair.id]);
    if (event.shiftKey) this.choose(this.chosen.includes(hair.id) ? this.chosen.filter((id) => id !== hair.id) : [...this.chosen, hair.id].slice(-2));
    else this.choose([hair.id]);
  }

  move(point) {
    if (this.drawing.mode !== "select") {
      this.drawing.aim(point);
      return;
    }
    const hair = hairAt([...this.photo.hairs, ...this.candidates()], point, this.viewer);
    const id = hair?.id ?? null;
    if (id !== this.hovered) {
      this.hovered = id;
      this.canvas.style.cursor = id === null ? "grab" : "pointer";
      this.viewer.paint();
    }
  }

  remove() {
    const id = this.chosen.at(-1);
    const hair = id === undefined ? null : this.find(id);
    if (!hair || hair.index !== undefined) return notice("Choose a hair first.", "bad");
    const rows = this.queue();
    const at = rows.findIndex((one) => one.id === id);
    this.act({ what: "delete", hair: id }, at >= 0 && rows.length > 1 ? [rows[(at + 1) % rows.length].id] : []);
  }

  join() {
    if (this.chosen.length !== 2) return notice("Choose two hairs: Shift and click, or K, then the second one.", "bad");
    const before = this.newest();
    this.kept = null;
    this.act({ what: "join", hair: this.chosen[0], with: this.chosen[1] }).then(() => this.chooseNew(before));
  }

  accept() {
    const hair = this.find(this.chosen.at(-1));
    if (hair?.index === undefined) return;
    const rows = this.queue();
    const at = rows.findIndex((one) => one.id === hair.id);
    this.act({ what: "accept", candidate: hair.index }, rows.length > 1 ? [rows[(at + 1) % rows.length].id] : []);
  }

  unit(together) {
    if (together && this.chosen.length < 2) return notice("Choose two hairs of one unit: Shift and click.", "bad");
    if (!this.chosen.length) return notice("Choose a hair first.", "bad");
    this.act(together ? { what: "same_unit", hairs: this.chosen } : { what: "own_unit", hair: this.chosen.at(-1) });
  }

  /** Ask the server; what stands afterwards is shown. */
  async act(request, chooseAfter = null) {
    const flags = this.photo.pairs;
    await correct(this, "photo", request, () => {
      this.photo.pairs ??= flags;
      if (chooseAfter) this.choose(chooseAfter.filter((id) => this.find(id)), chooseAfter.length > 0);
    });
  }

  newest() {
    return Math.max(0, ...this.photo.hairs.map((hair) => hair.id));
  }

  /** Choose the hairs that were made since. */
  chooseNew(before) {
    const made = this.photo.hairs.filter((hair) => hair.id > before).map((hair) => hair.id);
    if (made.length) this.choose(made.slice(-2));
  }

  async refresh(event) {
    if (event.key !== this.key || event.who === this.photo.user) return;
    this.photo = await ask(this.address);
    notice(`${event.who}: ${event.words}`);
    this.fill();
  }
}

// Two visits side by side: which hair is which, what was lost, what is new.

import { ask } from "./api.js";
import { correct } from "./correct.js";
import { el, entitle, notice } from "./dom.js";
import { useKeys } from "./keys.js";
import { figures, history, signing, signOff, worthALook } from "./panel.js";
import { box, hairAt, loadPicture, Viewer } from "./viewer.js";

const FATES = {
  kept: { colour: "#56b4e9", dash: [], words: "kept" },
  thickened: { colour: "#009e73", dash: [], words: "thicker" },
  miniaturized: { colour: "#f0e442", dash: [6, 3], words: "thinner" },
  lost: { colour: "#d55e00", dash: [2, 3], words: "lost" },
  new: { colour: "#e69f00", dash: [8, 3], words: "new" },
  regrown: { colour: "#e69f00", dash: [8, 3], words: "regrown" },
  outside: { colour: "#b8c0c8", dash: [1.5, 4], words: "not in both photos" },
};
const SIDES = ["baseline", "followup"];

export class PairView {
  constructor(key) {
    this.key = key;
    this.chosen = [null, null];
    this.side = 0;
    this.viewers = [];
    this.hidden = false;
    this.together = true;
  }

  get address() {
    return `/api/pairs/${this.key}`;
  }

  async open(main) {
    this.pair = await ask(this.address);
    main.replaceChildren(this.layout());
    const shown = this.pair.pair_id.replace("__", " → ");
    entitle(shown, this.pair.user);
    this.viewers = this.canvases.map(
      (canvas, side) =>
        new Viewer(canvas, {
          click: (point) => this.click(side, point),
          paint: (context, viewer) => this.paint(side, context, viewer),
          changed: (viewer) => this.follow(side, viewer),
        }),
    );
    useKeys(this.keys());
    this.fill();
    const pictures = await Promise.all(this.pair.photos.map((photo) => loadPicture(`/api/photos/${photo.key}/picture.jpg`)));
    this.viewers.forEach((viewer, side) => viewer.show(pictures[side], [this.pair.sides[side].width_px, this.pair.sides[side].height_px]));
    this.canvases[0].dataset.ready = "true";
  }

  close() {
    this.viewers.forEach((viewer) => viewer.close());
  }

  layout() {
    this.canvases = SIDES.map((side) =>
      el("canvas", { tabindex: 0, id: `canvas-${side}`, role: "application", "aria-label": `${side} photo with its hairs: see Keys` }),
    );
    this.tools = el("div", { class: "tools", role: "toolbar", "aria-label": "What to do" });
    this.panel = el("aside", { class: "panel", "aria-label": "Figures and matches" });
    const names = this.pair.photos.map((photo, k) => `${k ? "Follow-up" : "Baseline"}: ${photo.visit || photo.image}`);
    const stages = this.canvases.map((canvas, k) => el("div", { class: "canvas" }, canvas, el("p", { class: "canvas-name" }, names[k])));
    return el("div", { class: "bench" }, el("section", { class: "stage" }, this.tools, el("div", { class: "twins" }, stages)), this.panel);
  }

  fill() {
    const pair = this.pair;
    this.partner = [new Map(), new Map()];
    this.fate = [new Map(), new Map()];
    for (const match of pair.matches)
      for (const [side, name] of SIDES.entries())
        if (match[name] !== null) {
          this.partner[side].set(match[name], match);
          this.fate[side].set(match[name], match.counted ? match.fate : match.kind === "matched" ? "kept" : "outside");
        }
    this.tools.replaceChildren(...this.toolbar());
    const parts = [
      pair.error ? el("p", { class: "block wrong" }, `Not compared: ${pair.error}`) : null,
      figures(pair.figures),
      signing(pair, (request) => this.act(request)),
      this.chosenBlock(),
      this.queueBlock(),
      el("details", { class: "block" }, el("summary", {}, `History (${pair.history.length})`), history(pair.history)),
      el("div", { class: "block legend-list" }, Object.values(FATES).map((fate) => this.swatch(fate))),
      el("p", { class: "block" }, "Open ", pair.photos.map((photo) => el("a", { href: `#/photo/${photo.key}` }, photo.image, " "))),
    ];
    this.panel.replaceChildren(...parts.filter(Boolean));
    this.viewers.forEach((viewer) => viewer.paint());
  }

  swatch(fate) {
    const mark = el("span", { class: "swatch" });
    mark.style.borderTopColor = fate.colour;
    mark.style.borderTopStyle = fate.dash.length ? "dashed" : "solid";
    return el("span", {}, mark, fate.words);
  }

  toolbar() {
    const locked = Boolean(this.pair.signed_by);
    const button = (id, text, key, run, off = false) => el("button", { type: "button", id, onclick: run, disabled: off }, text, key ? [" ", el("kbd", {}, key)] : null);
    const both = this.chosen[0] !== null && this.chosen[1] !== null;
    const one = this.chosen[0] !== null || this.chosen[1] !== null;
    return [
      button("link", "Same hair", "Enter", () => this.link(), locked || !both),
      button("unlink", "No partner", "Del", () => this.unlink(), locked || !one),
      el("span", { class: "gap" }),
      button("undo", "Undo", "Z", () => this.act({ what: "undo" }), !this.pair.can_undo),
      button("redo", "Redo", "Y", () => this.act({ what: "redo" }), !this.pair.can_redo),
      el("span", { class: "gap" }),
      button("out", "−", "", () => this.viewers[0].zoom(1 / 1.3)),
      button("in", "+", "", () => this.viewers[0].zoom(1.3)),
      button("fit", "Fit", "", () => this.viewers.forEach((viewer) => viewer.fit())),
    ];
  }

  chosenBlock() {
    const lines = this.chosen.map((id, side) => {
      if (id === null) return `${side ? "Follow-up" : "Baseline"}: none chosen`;
      const fate = this.fate[side].get(id) ?? "outside";
      const match = this.partner[side].get(id);
      const sure = match ? `, ${Math.round(100 * match.probability)} % sure` : "";
      const beyond = match && !match.counted ? ", outside the common field" : "";
      return `${side ? "Follow-up" : "Baseline"} hair ${id}: ${FATES[fate].words}${sure}${beyond}`;
    });
    return el("div", { class: "block", id: "chosen" }, lines.map((line) => el("p", {}, line)));
  }

  queue() {
    return this.pair.matches
      .filter((match) => match.counted && (match.baseline !== null || match.followup !== null) && match.probability < 0.97)
      .sort((a, b) => a.probability - b.probability);
  }

  queueBlock() {
    return worthALook(this.queue(), (match) => ({
      words: `${match.baseline ?? "–"} → ${match.followup ?? "–"}`,
      why: `${match.kind}, ${Math.round(100 * match.probability)} % sure`,
      onclick: () => this.show(match),
    }));
  }

  hair(side, id) {
    return this.pair.sides[side].hairs.find((hair) => hair.id === id) ?? null;
  }

  show(match) {
    this.chosen = [match.baseline, match.followup];
    const side = match.baseline !== null ? 0 : 1;
    const hair = this.hair(side, this.chosen[side]);
    if (hair) this.viewers[side].focus(box(hair.path), 140);
    this.fill();
  }

  step(by) {
    const rows = this.queue();
    if (!rows.length) return notice("Nothing here is worth a look.");
    const at = rows.findIndex((m) => m.baseline === this.chosen[0] && m.followup === this.chosen[1]);
    this.show(rows[(at + by + rows.length + (at < 0 && by < 0 ? 1 : 0)) % rows.length]);
  }

  stepHair(by) {
    const hairs = this.pair.sides[this.side].hairs;
    const at = hairs.findIndex((hair) => hair.id === this.chosen[this.side]);
    const hair = hairs[(at + by + hairs.length + (at < 0 && by < 0 ? 1 : 0)) % hairs.length];
    if (!hair) return;
    this.chosen[this.side] = hair.id;
    this.viewers[this.side].focus(box(hair.path), 140);
    this.fill();
  }

  click(side, point) {
    this.side = side;
    const hair = hairAt(this.pair.sides[side].hairs, point, this.viewers[side]);
    this.chosen[side] = hair?.id ?? null;
    this.fill();
  }

  /** The other photo shows the same skin. */
  follow(side, viewer) {
    const other = this.viewers[1 - side];
    if (this.following || !other?.picture || !viewer.picture || !this.together || !this.pair.similarity) return;
    const [[a, b, c], [d, e, f]] = this.pair.similarity;
    const determinant = a * e - b * d;
    const forward = ([x, y]) => [a * x + b * y + c, d * x + e * y + f];
    const back = ([x, y]) => [(e * (x - c) - b * (y - f)) / determinant, (a * (y - f) - d * (x - c)) / determinant];
    const growth = Math.sqrt(Math.abs(determinant));
    const centre = viewer.toPhoto(viewer.view[0] / 2, viewer.view[1] / 2);
    const there = side === 0 ? forward(centre) : back(centre);
    other.scale = side === 0 ? viewer.scale / growth : viewer.scale * growth;
    other.origin = [other.view[0] / 2 - (there[0] + 0.5) * other.scale, other.view[1] / 2 - (there[1] + 0.5) * other.scale];
    other.fitted = false;
    this.following = true;
    other.draw();
    this.following = false;
  }

  paint(side, context, viewer) {
    if (!viewer.picture || this.hidden || !this.fate) return;
    const other = this.chosen[1 - side];
    const asked = other === null ? null : this.partner[1 - side].get(other)?.[SIDES[side]] ?? null;
    for (const hair of this.pair.sides[side].hairs) {
      const fate = FATES[this.fate[side].get(hair.id) ?? "outside"];
      const chosen = this.chosen[side] === hair.id;
      viewer.hair(context, hair, {
        chosen,
        hovered: asked === hair.id,
        colour: fate.colour,
        dash: fate.dash,
        faint: fate === FATES.outside && !chosen,
        label: chosen || asked === hair.id ? String(hair.id) : "",
      });
    }
  }

  link() {
    if (this.chosen.includes(null)) return notice("Choose a hair in each photo.", "bad");
    this.act({ what: "link", baseline: this.chosen[0], followup: this.chosen[1] });
  }

  unlink() {
    const side = this.chosen[this.side] !== null ? this.side : 1 - this.side;
    if (this.chosen[side] === null) return notice("Choose a hair first.", "bad");
    this.act({ what: "unlink", [SIDES[side]]: this.chosen[side] });
  }

  async act(request) {
    if (!this.busy) notice("…");
    await correct(this, "pair", request);
  }

  async refresh(event) {
    const mine = event.key === this.key || this.pair.photos.some((photo) => photo.key === event.key);
    if (!mine || event.who === this.pair.user) return;
    this.pair = await ask(this.address);
    notice(`${event.who}: ${event.words}`);
    this.fill();
  }

  keys() {
    const key = (keys, shown, does, run) => ({ keys, shown, does, run });
    const pan = (x, y) => () => this.viewers[this.side].panKey(x, y);
    return [
      {
        title: "Look",
        keys: [
          key(["n"], "N", "Next doubtful match", () => this.step(1)),
          key(["p"], "P", "Doubtful match before", () => this.step(-1)),
          key(["."], ".", "Next hair of the photo in use", () => this.stepHair(1)),
          key([","], ",", "Hair before", () => this.stepHair(-1)),
          key(["t"], "T", "Use the other photo", () => ((this.side = 1 - this.side), this.canvases[this.side].focus())),
          key(["h"], "H", "Hide or show what is drawn", () => ((this.hidden = !this.hidden), this.viewers.forEach((v) => v.paint()))),
          key(["l"], "L", "Move both photos together, or not", () => ((this.together = !this.together), notice(this.together ? "Together" : "Apart"))),
          key(["+", "="], "+", "Zoom in", () => this.viewers[this.side].zoom(1.3)),
          key(["-"], "−", "Zoom out", () => this.viewers[this.side].zoom(1 / 1.3)),
          key(["0"], "0", "Whole photo", () => this.viewers[this.side].fit()),
          key(["ArrowLeft"], "← → ↑ ↓", "Move the photo", pan(-1, 0)),
          ...[["Right", 1, 0], ["Up", 0, -1], ["Down", 0, 1]].map(([name, x, y]) => key([`Arrow${name}`], "", "", pan(x, y))),
        ],
      },
      {
        title: "Correct",
        keys: [
          key(["Enter"], "Enter", "The two chosen hairs are the same", () => this.link()),
          key(["Delete", "Backspace", "d"], "Del D", "The chosen hair has no partner", () => this.unlink()),
          key(["Escape"], "Esc", "Choose nothing", () => ((this.chosen = [null, null]), this.fill())),
          key(["z", "ctrl+z"], "Z", "Undo", () => this.pair.can_undo && this.act({ what: "undo" })),
          key(["y", "ctrl+y"], "Y", "Redo", () => this.pair.can_redo && this.act({ what: "redo" })),
          key(["s"], "S", "Sign off", () => this.pair.signed_by || signOff((request) => this.act(request))),
          key(["w"], "W", "Worklist", () => (location.hash = "#/")),
        ],
      },
    ];
  }
}

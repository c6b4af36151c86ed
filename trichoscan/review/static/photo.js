// One photo: look at its hairs, correct them, sign it off.

import { ask } from "./api.js";
import { correct } from "./correct.js";
import { el, entitle, notice } from "./dom.js";
import { useKeys } from "./keys.js";
import { Drawing } from "./drawing.js";
import { paintPhoto } from "./paint.js";
import { figures, history, signing, signOff } from "./panel.js";
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
    useKeys(this.keys());
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
    const photo = this.photo;
    this.chosen = this.chosen.filter((id) => this.find(id));
    const scroll = this.panel.scrollTop;
    this.tools.replaceChildren(...this.toolbar());
    const parts = [
      photo.outdated ? this.outdated("The photo was replaced since its review.") : null,
      photo.automatic_changed ? this.outdated("A later run measured this photo anew.") : null,
      figures(photo.figures),
      signing(photo, (request) => this.act(request)),
      this.chosenHair(),
      this.areas(),
      this.doubtful(),
      el("details", { class: "block" }, el("summary", {}, `History (${photo.history.length})`), history(photo.history)),
      photo.pairs.length
        ? el("p", { class: "block" }, "Compared in ", photo.pairs.map((p) => el("a", { href: `#/pair/${p.key}` }, p.pair_id.replace("__", " → "), " ")))
        : null,
      el("div", { class: "block" }, photo.flags.map((f) => el("p", { class: "flag" }, el("strong", {}, f.what), `: ${f.do}.`))),
    ];
    this.panel.replaceChildren(...parts.filter(Boolean));
    this.panel.scrollTop = scroll;
    this.hint.textContent = this.drawing.hint();
    this.finish.replaceChildren(
      ...(this.drawing.mode === "select"
        ? []
        : [
            this.drawing.least ? el("button", { type: "button", id: "done", class: "main", onclick: () => this.drawing.finish() }, "Done") : "",
            el("button", { type: "button", id: "leave", onclick: () => this.mode("select") }, "Leave"),
          ]),
    );
    this.viewer?.paint();
  }

  outdated(text) {
    const begin = () => this.act({ what: "begin", why: "begun anew on the latest automatic result" });
    return el("div", { class: "block wrong" }, el("p", {}, text), el("button", { onclick: begin }, "Begin the review anew"));
  }

  toolbar() {
    const locked = Boolean(this.photo.signed_by);
    const button = (id, text, key, run, { pressed = null, off = false } = {}) =>
      el("button", { type: "button", id, onclick: run, disabled: off, "aria-pressed": pressed === null ? null : String(pressed) }, text, key ? [" ", el("kbd", {}, key)] : null);
    const mode = (id, text, key) =>
      button(`mode-${id}`, text, key, () => this.mode(id), { pressed: this.drawing.mode === id, off: locked });
    return [
      mode("select", "Select", "Esc"),
      mode("add", "Add", "A"),
      button("delete", "Delete", "Del", () => this.remove(), { off: locked || !this.chosen.length }),
      button("join", "Join", "J", () => this.join(), { off: locked || this.chosen.length !== 2 }),
      mode("split", "Split", "X"),
      mode("move_root", "Move root", "R"),
      mode("area", "Area", "M"),
      mode("exclude", "Exclude", "E"),
      el("span", { class: "gap" }),
      button("undo", "Undo", "Z", () => this.act({ what: "undo" }), { off: !this.photo.can_undo }),
      button("redo", "Redo", "Y", () => this.act({ what: "redo" }), { off: !this.photo.can_redo }),
      el("span", { class: "gap" }),
      button("out", "−", "", () => this.viewer.zoom(1 / 1.3)),
      this.zoomText,
      button("in", "+", "", () => this.viewer.zoom(1.3)),
      button("fit", "Fit", "", () => this.viewer.fit()),
    ];
  }

  chosenHair() {
    const shown = this.chosen.map((id) => this.find(id));
    if (!shown.length) return el("p", { class: "block hint" }, "No hair chosen: click one, or press N for the next doubtful one.");
    return el("div", { class: "block", id: "chosen" }, shown.map((hair) => this.card(hair)), this.handles());
  }

  /** Buttons for what has keys: a tablet has none. */
  handles() {
    const hairs = this.chosen.filter((id) => typeof id === "number");
    if (!hairs.length || this.photo.signed_by) return null;
    const button = (id, text, key, run, pressed = null) =>
      el("button", { type: "button", id, onclick: run, "aria-pressed": pressed }, text, " ", el("kbd", {}, key));
    const keep = () => (this.keep(), this.fill());
    return el(
      "p",
      { class: "row wrap" },
      button("keep", "Choose a second", "K", keep, String(Boolean(this.kept?.length))),
      hairs.length === 2 ? button("same-unit", "One unit", "U", () => this.unit(true)) : button("own-unit", "Unit by itself", "O", () => this.unit(false)),
    );
  }

  card(hair) {
    const candidate = hair.index !== undefined;
    const um = hair.diameter_um === null ? "no diameter" : `${hair.diameter_um} ± ${hair.diameter_se_um} µm`;
    const length = hair.length_um === null ? "" : `, ${Math.round(hair.length_um)} µm long`;
    const place = candidate ? "" : `${hair.kind}, unit ${hair.unit}, ${hair.counted ? "counted" : "not counted"}`;
    const note = candidate
      ? el("p", { class: "hint" }, "The program left it out. ", el("button", { id: "accept", onclick: () => this.accept() }, "It is a hair ", el("kbd", {}, "Enter")))
      : null;
    return el(
      "div",
      { class: "card" },
      el("h2", {}, candidate ? `Candidate ${hair.index + 1}` : `Hair ${hair.id}`, hair.source === "review" ? el("small", {}, " made in review") : ""),
      el("p", {}, `${um}${length}`),
      place ? el("p", {}, place) : null,
      hair.why ? el("p", { class: "hint" }, hair.why) : null,
      note,
    );
  }

  /** What was marked or excluded, and the way back. */
  areas() {
    const off = Boolean(this.photo.signed_by);
    const line = (text, button, request) =>
      el("p", { class: "area" }, text, " ", el("button", { type: "button", disabled: off, onclick: () => this.act(request) }, button));
    const lines = this.photo.excluded.map((area) =>
      line(`Area ${area.number} is excluded.`, "Count it again", { what: "include", excluded: area.number }),
    );
    if (this.photo.area_by_hand) lines.push(line("The counting area was marked by hand.", "Automatic area", { what: "automatic_area" }));
    return lines.length ? el("div", { class: "block" }, lines) : null;
  }

  doubtful() {
    const rows = this.queue().slice(0, 40);
    const pick = (hair) => () => this.choose([hair.id], true);
    return el(
      "details",
      { class: "block", open: true },
      el("summary", {}, `Worth a look (${rows.length})`),
      el(
        "ul",
        { class: "queue" },
        rows.map((hair) =>
          el(
            "li",
            {},
            el(
              "button",
              { type: "button", onclick: pick(hair), "aria-current": this.chosen.includes(hair.id) ? "true" : null },
              el("span", {}, hair.index === undefined ? `Hair ${hair.id}` : `Candidate ${hair.index + 1}`),
              el("small", {}, hair.why),
            ),
          ),
        ),
      ),
    );
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

  keys() {
    const key = (keys, shown, does, run) => ({ keys, shown, does, run });
    const arrow = (x, y) => (event) => (this.drawing.mode === "select" ? this.viewer.panKey(x, y) : this.drawing.nudge(x, y, event.shiftKey));
    const next = () => (location.hash = this.nextPhoto ? `#/photo/${this.nextPhoto}` : "#/");
    return [
      {
        title: "Look",
        keys: [
          key(["n"], "N", "Next doubtful hair", () => this.step(1)),
          key(["p"], "P", "Doubtful hair before", () => this.step(-1)),
          key(["."], ".", "Next hair from top to bottom", () => this.stepHair(1)),
          key([","], ",", "Hair before", () => this.stepHair(-1)),
          key(["h"], "H", "Hide or show what is drawn", () => ((this.hidden = !this.hidden), this.viewer.paint())),
          key(["+", "="], "+ wheel", "Zoom in", () => this.viewer.zoom(1.3)),
          key(["-"], "−", "Zoom out", () => this.viewer.zoom(1 / 1.3)),
          key(["0"], "0", "Whole photo", () => this.viewer.fit()),
          key(["ArrowLeft", "shift+ArrowLeft"], "← → ↑ ↓", "Move the photo; while drawing, the crosshair", arrow(-1, 0)),
          ...[["Right", 1, 0], ["Up", 0, -1], ["Down", 0, 1]].map(([name, x, y]) => key([`Arrow${name}`, `shift+Arrow${name}`], "", "", arrow(x, y))),
        ].filter(Boolean),
      },
      {
        title: "Correct",
        keys: [
          key(["a"], "A", "Add a hair: root, along the shaft, tip; Enter", () => this.mode("add")),
          key(["Delete", "Backspace", "d"], "Del D", "Delete the chosen hair", () => this.remove()),
          key(["k"], "K", "Keep the chosen hair, to join it with the next", () => this.keep()),
          key(["j"], "J", "Join the two chosen hairs", () => this.join()),
          key(["x"], "X", "Split the chosen hair at a point", () => this.mode("split")),
          key(["r"], "R", "Move the root of the chosen hair", () => this.mode("move_root")),
          key(["m"], "M", "Mark the counting area, corner by corner; Enter", () => this.mode("area")),
          key(["e"], "E", "Exclude an area, corner by corner; Enter", () => this.mode("exclude")),
          key(["u"], "U", "The two chosen hairs are one unit", () => this.unit(true)),
          key(["o"], "O", "The chosen hair is a unit by itself", () => this.unit(false)),
        ],
      },
      {
        title: "Do",
        keys: [
          key([" "], "Space", "While drawing: put a point at the crosshair", () => this.drawing.putAtCrosshair()),
          key(["Enter"], "Enter", "Finish drawing; accept the chosen candidate", () => (this.drawing.mode === "select" ? this.accept() : this.drawing.finish())),
          key(["Escape"], "Esc", "Stop drawing; choose nothing", () => (this.drawing.mode === "select" ? this.choose([]) : this.mode("select"))),
          key(["z", "ctrl+z"], "Z", "Undo", () => this.photo.can_undo && this.act({ what: "undo" })),
          key(["y", "ctrl+y"], "Y", "Redo", () => this.photo.can_redo && this.act({ what: "redo" })),
          key(["s"], "S", "Sign off", () => this.photo.signed_by || signOff((request) => this.act(request))),
          key(["g"], "G", "Next photo of the worklist", next),
          key(["w"], "W", "Worklist", () => (location.hash = "#/")),
        ],
      },
    ];
  }
}

function legend() {
  const entry = (kind, text) => el("span", { class: `kind ${kind}` }, text);
  return el(
    "p",
    { class: "legend", "aria-hidden": "true" },
    entry("terminal", "terminal"),
    entry("vellus", "vellus"),
    entry("unmeasured", "no diameter"),
    entry("candidate", "left out"),
  );
}

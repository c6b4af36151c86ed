// What stands beside the photo under review: toolbar, figures, the chosen hairs, what is worth a look.

import { el } from "./dom.js";
import { figures, history, signing, worthALook } from "./panel.js";

/** Blocks of the panel, from top to bottom. */
export function panelOf(view) {
  const photo = view.photo;
  return [
    photo.outdated ? outdated(view, "The photo was replaced since its review.") : null,
    photo.automatic_changed ? outdated(view, "A later run measured this photo anew.") : null,
    figures(photo.figures),
    signing(photo, (request) => view.act(request)),
    chosenHair(view),
    areas(view),
    doubtful(view),
    el("details", { class: "block" }, el("summary", {}, `History (${photo.history.length})`), history(photo.history)),
    photo.pairs.length
      ? el("p", { class: "block" }, "Compared in ", photo.pairs.map((p) => el("a", { href: `#/pair/${p.key}` }, p.pair_id.replace("__", " → "), " ")))
      : null,
    el("div", { class: "block" }, photo.flags.map((f) => el("p", { class: "flag" }, el("strong", {}, f.what), `: ${f.do}.`))),
  ].filter(Boolean);
}

/** Buttons that end a drawing, where one is begun. */
export function finishing(view) {
  if (view.drawing.mode === "select") return [];
  return [
    view.drawing.least ? el("button", { type: "button", id: "done", class: "main", onclick: () => view.drawing.finish() }, "Done") : "",
    el("button", { type: "button", id: "leave", onclick: () => view.mode("select") }, "Leave"),
  ];
}

/** What a click does, undo and redo, zoom. */
export function toolbar(view) {
  const locked = Boolean(view.photo.signed_by);
  const button = (id, text, key, run, { pressed = null, off = false } = {}) =>
    el("button", { type: "button", id, onclick: run, disabled: off, "aria-pressed": pressed === null ? null : String(pressed) }, text, key ? [" ", el("kbd", {}, key)] : null);
  const mode = (id, text, key) =>
    button(`mode-${id}`, text, key, () => view.mode(id), { pressed: view.drawing.mode === id, off: locked });
  return [
    mode("select", "Select", "Esc"),
    mode("add", "Add", "A"),
    button("delete", "Delete", "Del", () => view.remove(), { off: locked || !view.chosen.length }),
    button("join", "Join", "J", () => view.join(), { off: locked || view.chosen.length !== 2 }),
    mode("split", "Split", "X"),
    mode("move_root", "Move root", "R"),
    mode("area", "Area", "M"),
    mode("exclude", "Exclude", "E"),
    el("span", { class: "gap" }),
    button("undo", "Undo", "Z", () => view.act({ what: "undo" }), { off: !view.photo.can_undo }),
    button("redo", "Redo", "Y", () => view.act({ what: "redo" }), { off: !view.photo.can_redo }),
    el("span", { class: "gap" }),
    button("out", "−", "", () => view.viewer.zoom(1 / 1.3)),
    view.zoomText,
    button("in", "+", "", () => view.viewer.zoom(1.3)),
    button("fit", "Fit", "", () => view.viewer.fit()),
  ];
}

function outdated(view, text) {
  const begin = () => view.act({ what: "begin", why: "begun anew on the latest automatic result" });
  return el("div", { class: "block wrong" }, el("p", {}, text), el("button", { onclick: begin }, "Begin the review anew"));
}

function chosenHair(view) {
  const shown = view.chosen.map((id) => view.find(id));
  if (!shown.length) return el("p", { class: "block hint" }, "No hair chosen: click one, or press N for the next doubtful one.");
  return el("div", { class: "block", id: "chosen" }, shown.map((hair) => card(view, hair)), handles(view));
}

/** Buttons for what has keys: a tablet has none. */
function handles(view) {
  const hairs = view.chosen.filter((id) => typeof id === "number");
  if (!hairs.length || view.photo.signed_by) return null;
  const button = (id, text, key, run, pressed = null) =>
    el("button", { type: "button", id, onclick: run, "aria-pressed": pressed }, text, " ", el("kbd", {}, key));
  const keep = () => (view.keep(), view.fill());
  return el(
    "p",
    { class: "row wrap" },
    button("keep", "Choose a second", "K", keep, String(Boolean(view.kept?.length))),
    hairs.length === 2 ? button("same-unit", "One unit", "U", () => view.unit(true)) : button("own-unit", "Unit by itself", "O", () => view.unit(false)),
  );
}

function card(view, hair) {
  const candidate = hair.index !== undefined;
  const um = hair.diameter_um === null ? "no diameter" : `${hair.diameter_um} ± ${hair.diameter_se_um} µm`;
  const length = hair.length_um === null ? "" : `, ${Math.round(hair.length_um)} µm long`;
  const place = candidate ? "" : `${hair.kind}, unit ${hair.unit}, ${hair.counted ? "counted" : "not counted"}`;
  const note = candidate
    ? el("p", { class: "hint" }, "The program left it out. ", el("button", { id: "accept", onclick: () => view.accept() }, "It is a hair ", el("kbd", {}, "Enter")))
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
function areas(view) {
  const off = Boolean(view.photo.signed_by);
  const line = (text, button, request) =>
    el("p", { class: "area" }, text, " ", el("button", { type: "button", disabled: off, onclick: () => view.act(request) }, button));
  const lines = view.photo.excluded.map((area) =>
    line(`Area ${area.number} is excluded.`, "Count it again", { what: "include", excluded: area.number }),
  );
  if (view.photo.area_by_hand) lines.push(line("The counting area was marked by hand.", "Automatic area", { what: "automatic_area" }));
  return lines.length ? el("div", { class: "block" }, lines) : null;
}

function doubtful(view) {
  return worthALook(view.queue(), (hair) => ({
    words: hair.index === undefined ? `Hair ${hair.id}` : `Candidate ${hair.index + 1}`,
    why: hair.why,
    onclick: () => view.choose([hair.id], true),
    "aria-current": view.chosen.includes(hair.id) ? "true" : null,
  }));
}

export function legend() {
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

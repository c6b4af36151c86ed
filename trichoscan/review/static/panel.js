// The panel beside a photo or pair: figures, history, signing off.

import { ask as askText, el } from "./dom.js";

/** Table of figures: automatic and as they stand now. */
export function figures(rows) {
  const body = rows.map((row) => {
    const changed = row.now !== row.automatic;
    const interval = row.low && row.high ? ` (${row.low} to ${row.high})` : "";
    return el(
      "tr",
      { class: changed ? "changed" : null, "data-figure": row.name },
      el("th", { scope: "row" }, row.label, row.unit ? el("small", {}, ` ${row.unit}`) : ""),
      el("td", {}, row.automatic || "–"),
      el("td", { class: "now" }, row.now || "–", interval ? el("small", { class: "interval" }, interval) : ""),
    );
  });
  const head = el("tr", {}, el("td", {}), el("th", { scope: "col" }, "automatic"), el("th", { scope: "col" }, "now"));
  return el("table", { class: "figures" }, el("thead", {}, head), el("tbody", {}, body));
}

/** What was done, the last first. */
export function history(events) {
  if (!events.length) return el("p", { class: "hint" }, "Nothing was done yet.");
  return el(
    "ol",
    { class: "history", reversed: true },
    events.map((event) =>
      el(
        "li",
        {},
        el("span", {}, event.words + (event.why ? ` – “${event.why}”` : "")),
        el("small", {}, `${event.who}, ${local(event.at_utc)}`),
      ),
    ),
  );
}

const MOST_SHOWN = 40;

/** List of what is worth a look, the first of it; `shown` tells words, reason and attributes of a row's button. */
export function worthALook(all, shown) {
  const rows = all.slice(0, MOST_SHOWN).map((one) => {
    const { words, why, ...attributes } = shown(one);
    return el("li", {}, el("button", { type: "button", ...attributes }, el("span", {}, words), el("small", {}, why)));
  });
  return el("details", { class: "block", open: true }, el("summary", {}, `Worth a look (${rows.length})`), el("ul", { class: "queue" }, rows));
}

export function local(atUtc) {
  return new Date(`${atUtc}Z`).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
}

/** Block that says whether it is signed, and lets it be. */
export function signing(state, act) {
  if (state.signed_by) {
    const reopen = async () => {
      const why = await askText({
        title: "Open again",
        text: "What was signed off is changed only for a reason. It stands in the log beside your name.",
        label: "Reason",
        button: "Open again",
        required: true,
      });
      if (why) act({ what: "reopen", why });
    };
    return el(
      "div",
      { class: "sign signed" },
      el("p", {}, el("strong", {}, `Signed off by ${state.signed_by}.`), " It is locked."),
      el("button", { id: "reopen", onclick: reopen }, "Open again…"),
    );
  }
  return el(
    "div",
    { class: "sign" },
    el("button", { id: "sign", class: "main", onclick: () => signOff(act) }, "Sign off ", el("kbd", {}, "S")),
  );
}

export async function signOff(act) {
  const why = await askText({
    title: "Sign off",
    text: "You state that what is shown is right. It is locked then, and your name stands beside it.",
    label: "Remark (may stay empty)",
    button: "Sign off",
  });
  if (why !== null) act({ what: "sign_off", why });
}

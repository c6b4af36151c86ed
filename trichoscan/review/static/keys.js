// The keyboard: each view gives its keys, and the sheet shows them.

import { byId, el } from "./dom.js";

let current = [];

/** Keys of the view on show: { keys: ["a"], shown: "A", does: "Add a hair", run: f } in groups. */
export function useKeys(groups) {
  current = groups;
}

function named(event) {
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return (event.ctrlKey || event.metaKey ? "ctrl+" : "") + (event.shiftKey && event.key.length > 1 ? "shift+" : "") + name;
}

function typing(target) {
  return target.closest?.("input, textarea, select, dialog[open]") !== null;
}

export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (typing(event.target)) return;
    let name = named(event);
    if (event.ctrlKey || event.metaKey) {
      if (name === "ctrl+z" && event.shiftKey) name = "ctrl+y";
      if (!["ctrl+z", "ctrl+y"].includes(name)) return;
    }
    if (event.altKey) return;
    if (name === "?") {
      event.preventDefault();
      showSheet();
      return;
    }
    const onButton = ["Enter", " "].includes(event.key) && event.target.closest?.("button, a");
    if (onButton) return;
    for (const group of current) {
      for (const key of group.keys) {
        if (key.keys.includes(name)) {
          event.preventDefault();
          key.run(event);
          return;
        }
      }
    }
  });
}

export function showSheet() {
  const sheet = byId("sheet");
  const tables = current.map((group) =>
    el(
      "section",
      {},
      el("h3", {}, group.title),
      el("dl", {}, group.keys.filter((key) => key.shown).map((key) => el("div", {}, el("dt", {}, el("kbd", {}, key.shown)), el("dd", {}, key.does)))),
    ),
  );
  sheet.replaceChildren(
    el("h2", { id: "sheet-title" }, "Keys"),
    el("div", { class: "sheet" }, tables),
    el("div", { class: "row end" }, el("button", { class: "main", onclick: () => sheet.close() }, "Close")),
  );
  sheet.showModal();
}

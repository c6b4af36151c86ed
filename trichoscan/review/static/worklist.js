// The worklist: what to look at first, and why.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import { useKeys } from "./keys.js";

const REVIEW = { new: "not looked at", open: "in review", signed_off: "signed off", failed: "not measured", outdated: "photo replaced" };

let chosen = 0;

export async function showWorklist(main) {
  const list = await ask("/api/worklist");
  const done = list.photos.filter((photo) => photo.review === "signed_off").length;
  const measured = list.photos.filter((photo) => photo.review !== "failed").length;
  const links = [];
  const link = (address, text) => {
    const a = el("a", { href: address, class: "open" }, text);
    links.push(a);
    return a;
  };
  main.replaceChildren(
    el(
      "div",
      { class: "list" },
      el("h1", {}, list.results),
      el("p", { class: "lead" }, `${done} of ${measured} photos signed off. The most doubtful stand first.`),
      el("progress", { max: Math.max(measured, 1), value: done, "aria-label": "photos signed off" }),
      list.problem ? el("p", { class: "wrong" }, list.problem) : null,
      el("table", { id: "photos" }, photoHead(), el("tbody", {}, list.photos.map((photo) => photoRow(photo, link)))),
      list.pairs.length
        ? [
            el("h2", {}, "Follow-ups"),
            el("table", { id: "pairs" }, pairHead(), el("tbody", {}, list.pairs.map((pair) => pairRow(pair, link)))),
          ]
        : null,
    ),
  );
  document.title = `${list.results} – trichoscan review`;
  byId("who").textContent = list.user;
  byId("crumbs").replaceChildren();
  const step = (by) => {
    if (!links.length) return;
    chosen = Math.min(Math.max(document.activeElement === links[chosen] ? chosen + by : chosen, 0), links.length - 1);
    links[chosen].focus();
  };
  chosen = 0;
  useKeys([
    {
      title: "Worklist",
      keys: [
        { keys: ["j", "ArrowDown"], shown: "↓ J", does: "Next line", run: () => step(1) },
        { keys: ["k", "ArrowUp"], shown: "↑ K", does: "Line before", run: () => step(-1) },
        { keys: ["Enter"], shown: "Enter", does: "Open the line, or the first one", run: () => links[chosen]?.click() },
      ],
    },
  ]);
  return list.last_event;
}

function photoHead() {
  const names = ["Photo", "Visit", "Why look", "Hairs", "Per cm²", "Review"];
  return el("thead", {}, el("tr", {}, names.map((name, k) => el("th", { scope: "col", class: k === 3 || k === 4 ? "number" : null }, name))));
}

function photoRow(photo, link) {
  const name = photo.review === "failed" ? el("span", {}, photo.image) : link(`#/photo/${photo.key}`, photo.image);
  const visit = [photo.subject, photo.site, photo.visit || photo.date].filter(Boolean).join(" · ");
  return el(
    "tr",
    { "data-review": photo.review },
    el("th", { scope: "row" }, name),
    el("td", {}, visit || "–"),
    el("td", { class: "why" }, photo.why.length ? photo.why.join("; ") : "nothing stands out"),
    el("td", { class: "number" }, photo.hair_count || "–"),
    el("td", { class: "number" }, photo.density || "–"),
    el("td", {}, state(photo)),
  );
}

function state(row) {
  const more = row.review === "signed_off" ? ` by ${row.by}` : row.corrections ? `, ${row.corrections} corrected` : "";
  return el("span", { class: `state ${row.review}` }, REVIEW[row.review] + more);
}

function pairHead() {
  const names = ["Pair", "Response", "Matched", "Lost", "New", "Unsure", "Review"];
  return el("thead", {}, el("tr", {}, names.map((name, k) => el("th", { scope: "col", class: k > 1 && k < 6 ? "number" : null }, name))));
}

function pairRow(pair, link) {
  const text = pair.pair_id.replace("__", " → ");
  return el(
    "tr",
    { "data-review": pair.review },
    el("th", { scope: "row" }, link(`#/pair/${pair.key}`, text)),
    el("td", {}, pair.status === "ok" ? pair.response : `${pair.status}: ${pair.error}`),
    el("td", { class: "number" }, pair.matched || "–"),
    el("td", { class: "number" }, pair.lost || "–"),
    el("td", { class: "number" }, pair.new || "–"),
    el("td", { class: "number" }, String(pair.unsure)),
    el("td", {}, state(pair)),
  );
}

// Which view is on show, and what others do meanwhile.

import { ask } from "./api.js";
import { byId, el, notice } from "./dom.js";
import { listenToKeys, showSheet } from "./keys.js";
import { PairView } from "./pair.js";
import { PhotoView } from "./photo.js";
import { showWorklist } from "./worklist.js";

const NEWS_MS = 5000;

let view = null;
let seen = 0;

async function route() {
  view?.close();
  view = null;
  const [kind, key] = location.hash.replace(/^#\//, "").split("/");
  const main = byId("main");
  notice("");
  document.body.dataset.view = kind || "worklist";
  try {
    if (kind === "photo" || kind === "pair") {
      view = kind === "photo" ? new PhotoView(key) : new PairView(key);
      await view.open(main);
    } else {
      seen = await showWorklist(main);
    }
  } catch (error) {
    if (!main.childElementCount || kind) main.replaceChildren(el("p", { class: "wrong page" }, error.message));
    notice(error.message, "bad");
  }
}

async function news() {
  if (document.hidden) return;
  try {
    const answer = await ask(`/api/news?since=${seen}`);
    seen = answer.last_event;
    if (answer.problem) notice(answer.problem, "bad");
    for (const event of answer.events) await view?.refresh?.(event);
    if (!view && answer.events.length) await showWorklist(byId("main"));
  } catch (error) {
    notice(error.message, "bad");
  }
}

listenToKeys();
byId("help").addEventListener("click", showSheet);
window.addEventListener("hashchange", route);
const list = await ask("/api/worklist").catch(() => null);
seen = list?.last_event ?? 0;
await route();
setInterval(news, NEWS_MS);

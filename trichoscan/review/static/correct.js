// One correction at a time: asked of the server, and shown as it stands afterwards.

import { ask, tell } from "./api.js";
import { notice } from "./dom.js";

/** `view[name]`, a photo or a pair, with `request` carried out; of a clash of versions the newer one. */
export async function correct(view, name, request, then = () => {}) {
  if (view.busy) return;
  view.busy = true;
  try {
    view[name] = await tell(view.address, { ...request, version: view[name].version });
    notice(view[name].history[0]?.words ?? "", "good");
    then();
  } catch (error) {
    notice(error.message, "bad");
    if (error.status === 409) view[name] = await ask(view.address);
  } finally {
    view.busy = false;
    view.fill();
  }
}

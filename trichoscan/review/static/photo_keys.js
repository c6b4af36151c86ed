// The keys of a photo under review.

import { signOff } from "./panel.js";

/** Groups for `useKeys`. */
export function photoKeys(view) {
  const key = (keys, shown, does, run) => ({ keys, shown, does, run });
  const arrow = (x, y) => (event) => (view.drawing.mode === "select" ? view.viewer.panKey(x, y) : view.drawing.nudge(x, y, event.shiftKey));
  const next = () => (location.hash = view.nextPhoto ? `#/photo/${view.nextPhoto}` : "#/");
  return [
    {
      title: "Look",
      keys: [
        key(["n"], "N", "Next doubtful hair", () => view.step(1)),
        key(["p"], "P", "Doubtful hair before", () => view.step(-1)),
        key(["."], ".", "Next hair from top to bottom", () => view.stepHair(1)),
        key([","], ",", "Hair before", () => view.stepHair(-1)),
        key(["h"], "H", "Hide or show what is drawn", () => ((view.hidden = !view.hidden), view.viewer.paint())),
        key(["+", "="], "+ wheel", "Zoom in", () => view.viewer.zoom(1.3)),
        key(["-"], "−", "Zoom out", () => view.viewer.zoom(1 / 1.3)),
        key(["0"], "0", "Whole photo", () => view.viewer.fit()),
        key(["ArrowLeft", "shift+ArrowLeft"], "← → ↑ ↓", "Move the photo; while drawing, the crosshair", arrow(-1, 0)),
        ...[["Right", 1, 0], ["Up", 0, -1], ["Down", 0, 1]].map(([name, x, y]) => key([`Arrow${name}`, `shift+Arrow${name}`], "", "", arrow(x, y))),
      ],
    },
    {
      title: "Correct",
      keys: [
        key(["a"], "A", "Add a hair: root, along the shaft, tip; Enter", () => view.mode("add")),
        key(["Delete", "Backspace", "d"], "Del D", "Delete the chosen hair", () => view.remove()),
        key(["k"], "K", "Keep the chosen hair, to join it with the next", () => view.keep()),
        key(["j"], "J", "Join the two chosen hairs", () => view.join()),
        key(["x"], "X", "Split the chosen hair at a point", () => view.mode("split")),
        key(["r"], "R", "Move the root of the chosen hair", () => view.mode("move_root")),
        key(["m"], "M", "Mark the counting area, corner by corner; Enter", () => view.mode("area")),
        key(["e"], "E", "Exclude an area, corner by corner; Enter", () => view.mode("exclude")),
        key(["u"], "U", "The two chosen hairs are one unit", () => view.unit(true)),
        key(["o"], "O", "The chosen hair is a unit by itself", () => view.unit(false)),
      ],
    },
    {
      title: "Do",
      keys: [
        key([" "], "Space", "While drawing: put a point at the crosshair", () => view.drawing.putAtCrosshair()),
        key(["Enter"], "Enter", "Finish drawing; accept the chosen candidate", () => (view.drawing.mode === "select" ? view.accept() : view.drawing.finish())),
        key(["Escape"], "Esc", "Stop drawing; choose nothing", () => (view.drawing.mode === "select" ? view.choose([]) : view.mode("select"))),
        key(["z", "ctrl+z"], "Z", "Undo", () => view.photo.can_undo && view.act({ what: "undo" })),
        key(["y", "ctrl+y"], "Y", "Redo", () => view.photo.can_redo && view.act({ what: "redo" })),
        key(["s"], "S", "Sign off", () => view.photo.signed_by || signOff((request) => view.act(request))),
        key(["g"], "G", "Next photo of the worklist", next),
        key(["w"], "W", "Worklist", () => (location.hash = "#/")),
      ],
    },
  ];
}

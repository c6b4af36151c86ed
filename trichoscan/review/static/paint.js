// What is drawn on the photo.

import { DRAWN } from "./viewer.js";

export function paintPhoto(context, viewer, view) {
  if (!viewer.picture || view.hidden) return;
  const { photo, chosen, hovered, drawing } = view;
  dimOutside(context, viewer, photo.area);
  excluded(context, viewer, photo.excluded);
  units(context, viewer, photo.hairs);
  for (const hair of view.candidates())
    viewer.hair(context, hair, {
      chosen: chosen.includes(hair.id),
      hovered: hovered === hair.id,
      colour: "#ffffff",
      dash: [1.5, 4],
      faint: !chosen.includes(hair.id) && hovered !== hair.id,
    });
  const last = (hair) => (chosen.includes(hair.id) || hovered === hair.id ? 1 : 0);
  for (const hair of [...photo.hairs].sort((a, b) => last(a) - last(b))) {
    const marked = last(hair) > 0;
    viewer.hair(context, hair, {
      chosen: chosen.includes(hair.id),
      hovered: hovered === hair.id,
      faint: !hair.counted && !marked,
      label: marked ? String(hair.id) : "",
    });
  }
  drawn(context, viewer, drawing);
  if (photo.um_per_px) scaleBar(context, viewer, photo.um_per_px);
}

/** Darken what is not counted; draw the border of the counting area. */
function dimOutside(context, viewer, polygons) {
  const [x0, y0] = viewer.toView([-0.5, -0.5]);
  const [x1, y1] = viewer.toView([viewer.size[0] - 0.5, viewer.size[1] - 0.5]);
  context.save();
  const way = new Path2D();
  way.rect(x0, y0, x1 - x0, y1 - y0);
  const border = new Path2D();
  for (const ring of polygons.flat())
    for (const [k, point] of ring.entries()) {
      const [x, y] = viewer.toView(point);
      for (const path of [way, border]) (k ? path.lineTo(x, y) : path.moveTo(x, y));
    }
  context.fillStyle = "rgba(12, 16, 20, 0.42)";
  context.fill(way, "evenodd");
  context.strokeStyle = "rgba(255, 255, 255, 0.85)";
  context.lineWidth = 1.2;
  context.stroke(border);
  context.restore();
}

function excluded(context, viewer, areas) {
  context.save();
  for (const area of areas) {
    viewer.trace(context, area.corners, true);
    context.strokeStyle = "#d55e00";
    context.lineWidth = 1.6;
    context.setLineDash([7, 4]);
    context.stroke();
    viewer.label(context, `excluded ${area.number}`, area.corners[0]);
  }
  context.restore();
}

/** Roots of one unit are joined. */
function units(context, viewer, hairs) {
  const roots = new Map();
  for (const hair of hairs) {
    if (!roots.has(hair.unit)) roots.set(hair.unit, []);
    roots.get(hair.unit).push(hair.path[0]);
  }
  context.save();
  context.strokeStyle = "rgba(255, 255, 255, 0.75)";
  context.lineWidth = 1.2;
  for (const points of roots.values())
    for (let k = 1; k < points.length; k++) {
      viewer.trace(context, [points[k - 1], points[k]]);
      context.stroke();
    }
  context.restore();
}

function drawn(context, viewer, drawing) {
  if (drawing.mode === "select") return;
  context.save();
  const closed = ["area", "exclude"].includes(drawing.mode);
  const points = [...drawing.points];
  if (drawing.crosshair && !["split", "move_root"].includes(drawing.mode)) points.push(drawing.crosshair);
  if (drawing.tried) viewer.hair(context, { ...drawing.tried, kind: "unmeasured" }, { colour: DRAWN, dash: [] });
  if (points.length > 1) {
    viewer.trace(context, points, closed && points.length > 2);
    context.strokeStyle = DRAWN;
    context.lineWidth = 1.4;
    context.setLineDash([4, 4]);
    context.stroke();
    context.setLineDash([]);
  }
  for (const point of drawing.points) {
    const [x, y] = viewer.toView(point);
    context.beginPath();
    context.arc(x, y, 3.5, 0, 2 * Math.PI);
    context.fillStyle = DRAWN;
    context.fill();
  }
  if (drawing.crosshair && drawing.byKeys) {
    const [x, y] = viewer.toView(drawing.crosshair);
    context.strokeStyle = DRAWN;
    context.lineWidth = 1.5;
    for (const [dx, dy] of [[14, 0], [-14, 0], [0, 14], [0, -14]]) {
      context.beginPath();
      context.moveTo(x + dx / 3.5, y + dy / 3.5);
      context.lineTo(x + dx, y + dy);
      context.stroke();
    }
  }
  context.restore();
}

function scaleBar(context, viewer, umPerPx) {
  const choices = [20, 50, 100, 200, 500, 1000, 2000];
  const um = choices.find((one) => (one / umPerPx) * viewer.scale > 70) ?? 5000;
  const length = (um / umPerPx) * viewer.scale;
  const [, height] = viewer.view;
  context.save();
  context.fillStyle = "rgba(12, 16, 20, 0.7)";
  context.fillRect(12, height - 36, length + 20, 26);
  context.fillStyle = "#ffffff";
  context.fillRect(22, height - 16, length, 2.5);
  context.font = "12px system-ui, sans-serif";
  context.fillText(um < 1000 ? `${um} µm` : `${um / 1000} mm`, 22, height - 21);
  context.restore();
}

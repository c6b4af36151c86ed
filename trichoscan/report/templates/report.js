"use strict";
(() => {
  const BLINK_MS = 700;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  function show(viewer, key, on) {
    for (const group of viewer.querySelectorAll('[data-layer="' + key + '"]')) {
      if (on) group.removeAttribute("display");
      else group.setAttribute("display", "none");
    }
  }

  function switchAll(viewer, on) {
    for (const box of viewer.querySelectorAll("[data-switch]")) {
      box.checked = on;
      show(viewer, box.dataset.switch, box.checked);
    }
  }

  function zoom(viewer, factor) {
    const scroll = viewer.querySelector(".scroll");
    const middle = [
      (scroll.scrollLeft + scroll.clientWidth / 2) / scroll.scrollWidth,
      (scroll.scrollTop + scroll.clientHeight / 2) / scroll.scrollHeight,
    ];
    scroll.classList.remove("zoom1", "zoom2", "zoom4");
    scroll.classList.add("zoom" + factor);
    scroll.scrollLeft = middle[0] * scroll.scrollWidth - scroll.clientWidth / 2;
    scroll.scrollTop = middle[1] * scroll.scrollHeight - scroll.clientHeight / 2;
    for (const button of viewer.querySelectorAll("[data-zoom]")) {
      button.setAttribute("aria-pressed", String(button.dataset.zoom === String(factor)));
    }
  }

  function slide(viewer, percent) {
    const svg = viewer.querySelector("svg");
    const width = svg.viewBox.baseVal.width;
    const at = (width * percent) / 100;
    const clip = viewer.querySelector("[data-clip]");
    clip.setAttribute("x", String(at - 0.5));
    clip.setAttribute("width", String(width - at));
    const edge = viewer.querySelector("[data-edge]");
    edge.setAttribute("x1", String(at - 0.5));
    edge.setAttribute("x2", String(at - 0.5));
    viewer.querySelector("[data-slider]").value = String(percent);
    const words = percent <= 0 ? "follow-up" : percent >= 100 ? "baseline" : "left: baseline, right: follow-up";
    const now = viewer.querySelector("[data-now]");
    if (now.textContent !== words) now.textContent = words;
  }

  const blinking = new Map();

  function stop(viewer) {
    clearInterval(blinking.get(viewer));
    blinking.delete(viewer);
    const now = viewer.querySelector("[data-now]");
    now.setAttribute("role", "status");
    viewer.querySelector("[data-blink]").setAttribute("aria-pressed", "false");
  }

  function swap(viewer) {
    slide(viewer, Number(viewer.querySelector("[data-slider]").value) < 50 ? 100 : 0);
  }

  function blink(viewer) {
    if (blinking.has(viewer)) return stop(viewer);
    swap(viewer);
    if (still.matches) return undefined; // one step for each press: nothing moves by itself
    viewer.querySelector("[data-now]").removeAttribute("role"); // not to be read out twice a second
    viewer.querySelector("[data-blink]").setAttribute("aria-pressed", "true");
    blinking.set(viewer, setInterval(swap, BLINK_MS, viewer));
    return undefined;
  }

  document.addEventListener("change", (event) => {
    const box = event.target.closest("[data-switch]");
    if (box) show(box.closest("[data-viewer]"), box.dataset.switch, box.checked);
  });

  document.addEventListener("input", (event) => {
    const slider = event.target.closest("[data-slider]");
    if (!slider) return;
    const viewer = slider.closest("[data-viewer]");
    stop(viewer);
    slide(viewer, Number(slider.value));
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const viewer = button && button.closest("[data-viewer]");
    if (!viewer) return;
    if (button.dataset.all) switchAll(viewer, button.dataset.all === "on");
    if (button.dataset.zoom) zoom(viewer, Number(button.dataset.zoom));
    if (button.dataset.show) {
      stop(viewer);
      slide(viewer, button.dataset.show === "followup" ? 0 : 100);
    }
    if ("blink" in button.dataset) blink(viewer);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const viewer of [...blinking.keys()]) stop(viewer);
  });

  // The browser restores boxes and sliders on going back; the drawings follow them.
  window.addEventListener("pageshow", () => {
    for (const box of document.querySelectorAll("[data-switch]")) {
      show(box.closest("[data-viewer]"), box.dataset.switch, box.checked);
    }
    for (const slider of document.querySelectorAll("[data-slider]")) {
      slide(slider.closest("[data-viewer]"), Number(slider.value));
    }
  });
})();

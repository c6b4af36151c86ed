// Building the page: every text is put in as text, never as markup.

/** Element with properties, listeners (on...) and children. */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key in element && typeof value === "boolean") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Name of what is shown, in the window's title and after the way back, and who looks. */
export function entitle(shown, user) {
  document.title = `${shown} – trichoscan review`;
  byId("crumbs").replaceChildren(el("a", { href: "#/" }, "Worklist"), " / ", el("h1", {}, shown));
  byId("who").textContent = user;
}

/** Line at the top, read out by screen readers; `kind` is "good", "bad" or "". */
export function notice(text, kind = "") {
  const line = byId("notice");
  line.textContent = text;
  line.dataset.kind = kind;
  clearTimeout(notice.timer);
  if (text && kind !== "bad") notice.timer = setTimeout(() => notice(""), 6000);
}

/** Ask for a line of text in a dialog; null where the user thinks better of it. */
export function ask({ title, text, label, button, required = false }) {
  const dialog = byId("ask");
  return new Promise((answer) => {
    const input = el("textarea", { id: "ask-text", rows: 2, maxlength: 500, "aria-describedby": "ask-note" });
    const note = el("p", { id: "ask-note", class: "hint" }, text);
    const done = (value) => {
      dialog.onclose = null;
      if (dialog.open) dialog.close();
      answer(value);
    };
    const give = (event) => {
      event.preventDefault();
      const value = input.value.trim();
      if (required && !value) {
        note.textContent = "A reason is needed here: it goes into the log.";
        note.classList.add("wrong");
        input.focus();
        return;
      }
      done(value);
    };
    const form = el(
      "form",
      { onsubmit: give },
      el("h2", { id: "ask-title" }, title),
      note,
      el("label", { for: "ask-text" }, label),
      input,
      el(
        "div",
        { class: "row end" },
        el("button", { type: "button", onclick: () => done(null) }, "Cancel"),
        el("button", { type: "submit", class: "main", id: "ask-yes" }, button),
      ),
    );
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) give(event);
    });
    dialog.replaceChildren(form);
    dialog.onclose = () => done(null);
    dialog.showModal();
    input.focus();
  });
}

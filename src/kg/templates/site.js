"use strict";
/* What the pages share: making elements, and names that are offered while one types. Without this script each form asks
   the same question. */

/* A mark that turns the direction of text, left open in a name, would turn what stands beside it. */
const straight = text => String(text).replace(/[\u202A-\u202E\u2066-\u2069]/g, "");
const classed = name => `thing c-${/^\w+$/.test(name) ? name : "Other"}`;
function make(tag, properties, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) name in found && name !== "list" ? (found[name] = value) : found.setAttribute(name, value);
  found.append(...children.filter(child => child !== null && child !== undefined));
  return found;
}

/* Names below a field, walked with the arrow keys. `find` answers a text with what is near it, or with null where that could
   not be asked; `take` is called with what is chosen. Enter takes what is marked; else the form is sent. */
function combobox(input, find, take) {
  const list = make("ul", { id: `${input.id}-matches`, className: "matches", hidden: true, tabIndex: -1, role: "listbox", "aria-label": "Names that are near" });
  let wanted = 0, timer = 0, at = -1, matches = [];
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", list.id], ["aria-expanded", "false"]]) input.setAttribute(name, value);
  const said = make("span", { className: "hidden", role: "status" });
  input.after(list, said);
  function close() {
    wanted += 1;
    clearTimeout(timer);
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function mark(step) {
    if (!matches.length) return;
    if (list.hidden) offer();
    at = at < 0 ? (step > 0 ? 0 : matches.length - 1) : (at + step + matches.length) % matches.length;
    [...list.children].forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
    list.children[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", list.children[at].id);
  }
  function choose(match) {
    close();
    take(match);
  }
  function offer() {
    list.replaceChildren(...matches.map((match, number) => {
      const kind = match.name && match.name !== match.label ? `${match.class}, also ${straight(match.name)}` : match.class;
      const name = make("span", { className: classed(match.class) }, straight(match.label || match.id));
      const option = make("li", { id: `${list.id}-${number}`, role: "option", "aria-selected": "false" }, name, make("small", {}, kind));
      option.addEventListener("pointerdown", event => { event.preventDefault(); choose(match); });
      return option;
    }));
    at = -1;
    list.hidden = !matches.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
  }
  /* A slow answer to what was typed before must not hide the answer to what is typed now. */
  async function look() {
    const text = input.value.trim(), number = ++wanted;
    clearTimeout(timer);
    if (text.length < 2) { close(); return null; }
    const found = await find(text.slice(0, 200));
    if (!found || number !== wanted) return null;
    matches = found;
    offer();
    said.textContent = matches.length ? `${matches.length} names` : "No name is near to this.";
    return matches[0];
  }
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 120); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", event => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); mark(event.key === "ArrowDown" ? 1 : -1); }
    else if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); }
    else if (event.key === "Enter" && !list.hidden && at >= 0) { event.preventDefault(); choose(matches[at]); }
  });
  /* Take the nearest name, as when a form is sent with nothing marked. */
  return async () => {
    const nearest = await look();
    if (nearest) choose(nearest);
  };
}

async function near(base, text, wanted) {
  const only = wanted ? `&class=${encodeURIComponent(wanted)}` : "";
  const answer = await fetch(`${base}/entities.json?limit=8&q=${encodeURIComponent(text)}${only}`).catch(() => null);
  return answer && answer.ok ? (await answer.json()).results : null;
}

/* A field that wants the short form of a thing takes it from a name. */
document.querySelectorAll("[data-thing]").forEach(input => {
  combobox(input, text => near(input.dataset.thing, text, input.dataset.of), match => { input.value = match.id; });
});

document.querySelectorAll("[data-suggest]").forEach(input => {
  const base = input.dataset.suggest, only = input.form.querySelector('select[name="class"]');
  combobox(input, text => near(base, text, only && only.value), match => {
    const [name, ...slug] = match.id.split(":");
    const path = name === "source" ? `/sources/${slug.join(":")}` : `/entities/${name}/${slug.join(":")}`;
    location.assign(base + path.split("/").map(encodeURIComponent).join("/"));
  });
});

/* A passage that others cross is cut into pieces; all of them are marked when it is asked for. */
function markPassage() {
  const wanted = location.hash.slice(1);
  document.querySelectorAll(".text [data-in]").forEach(piece => piece.classList.toggle("chosen", piece.dataset.in.split(" ").includes(wanted)));
}
if (document.querySelector(".text")) {
  addEventListener("hashchange", markPassage);
  markPassage();
}

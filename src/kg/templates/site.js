"use strict";
/* Suggestions while one types a name. Without this script the form asks the same question. */
document.querySelectorAll("[data-suggest]").forEach((input) => {
  const root = input.dataset.suggest, list = document.createElement("ul");
  let wanted = 0, timer = 0, at = -1;
  list.className = "matches";
  list.id = `${input.id}-matches`;
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Names that are near");
  input.after(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");

  function close() {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(step) {
    const options = [...list.children];
    if (list.hidden || !options.length) return;
    at = (at + step + options.length + (at < 0 && step < 0 ? 1 : 0)) % options.length;
    options.forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
    options[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[at].id);
  }

  function open(match) {
    const [name, ...slug] = match.id.split(":");
    const path = name === "source" ? `/sources/${slug.join(":")}` : `/entities/${name}/${slug.join(":")}`;
    location.assign(root + path.split("/").map(encodeURIComponent).join("/"));
  }

  function show(matches) {
    list.replaceChildren(...matches.map((match, number) => {
      const option = document.createElement("li"), kind = document.createElement("small"), name = document.createElement("span");
      option.id = `${list.id}-${number}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      name.className = `thing c-${match.class}`;
      name.textContent = match.label;
      kind.textContent = match.name && match.name !== match.label ? `${match.class}, also ${match.name}` : match.class;
      option.append(name, kind);
      option.addEventListener("pointerdown", (event) => { event.preventDefault(); open(match); });
      option.match = match;
      return option;
    }));
    at = -1;
    list.hidden = !matches.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
  }

  async function ask() {
    const text = input.value.trim(), number = ++wanted;
    if (text.length < 2) return close();
    const answer = await fetch(`${root}/entities.json?limit=8&q=${encodeURIComponent(text.slice(0, 200))}`).catch(() => null);
    // A slow answer to what was typed before must not hide the answer to what is typed now.
    if (!answer || !answer.ok || number !== wanted) return;
    show((await answer.json()).results);
  }

  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 120); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(event.key === "ArrowDown" ? 1 : -1); }
    else if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); }
    else if (event.key === "Enter" && at >= 0) { event.preventDefault(); open(list.children[at].match); }
  });
});

"use strict";
const page = JSON.parse(document.getElementById("data").textContent);
const drawn = JSON.parse(document.getElementById("drawn").textContent);
const $ = id => document.getElementById(id);
const FACTS = new Set(["Pledge", "Statement", "Outcome"]);
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const fold = text => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();

/* ---------------------------------------------------------------- what is in the file */

/* A mark that turns the direction of text, left open in a name, would turn what stands beside it. */
const straight = text => String(text).replace(/[\u202A-\u202E\u2066-\u2069]/g, "");
const nodes = page.nodes.map((node, number) => ({ ...node, label: straight(node.label) || node.id, number, at: drawn.nodes[number], edges: [] }));
const edges = page.edges.map((edge, number) => ({ ...edge, number, start: nodes[edge.start], end: nodes[edge.end], by: page.relations[edge.relation] }));
const byId = new Map(nodes.map(node => [node.id, node]));
for (const edge of edges) { edge.start.edges.push(edge); if (edge.end !== edge.start) edge.end.edges.push(edge); }
const told = id => (id && page.told[id]) || {};
const ranked = [...nodes].sort((a, b) => b.edges.length - a.edges.length || a.number - b.number);
const calm = new Set(page.hide);
const most = [...ranked.filter(node => !calm.has(node.name)), ...ranked.filter(node => calm.has(node.name))].slice(0, page.limit);
const opening = new Set(most);
const namesOf = new Map(nodes.map(node => [node, [node.label, ...(told(node.id).values || []).filter(([sort]) => sort.startsWith("Name")).map(([, text]) => text)]]));

/* ---------------------------------------------------------------- what is shown */

const state = { view: "picture", chosen: null, step: null, last: null, hide: new Set(page.hide), sources: new Set(), strength: "", from: "", to: "", undated: true, money: false, least: "", all: nodes.length <= page.limit, moved: false, added: [], before: null };
const view = { nodes: new Set(), edges: new Set() };

const passesFact = node => {
  if (!FACTS.has(node.name)) return true;
  if (state.strength && node.name === "Pledge" && node.told.strength !== state.strength) return false;
  if (!state.money && state.least === "") return true;
  if (!node.told.money) return false;
  return state.least === "" || largest(node) >= Number(state.least);
};
/* The most that a pledge may come to; an open end has no most. A sum that is no pledge is read from its figure. */
const largest = node => node.told.total_low !== undefined ? (node.told.total_high === undefined ? Infinity : Number(node.told.total_high)) : Math.max(...figures(node.told.money));
const figures = text => String(text).split("; ").map(part => Number((part.match(/\d[\d,]*(\.\d+)?/) || ["0"])[0].replaceAll(",", "")));
const comesTo = ({ unit, total_low: low, total_high: high }) => low === undefined ? "" : low === high ? `${unit} ${Number(low).toLocaleString("en")}` : `${unit} ${Number(low).toLocaleString("en")} to ${high === undefined ? "an open end" : Number(high).toLocaleString("en")}`;
const passesEdge = edge => {
  if (state.sources.has(edge.source)) return false;
  if (!state.from && !state.to) return true;
  if (!edge.known_by && !edge.ended_by) return state.undated;
  return (!state.to || !edge.known_by || edge.known_by <= state.to) && (!state.from || !edge.ended_by || edge.ended_by >= state.from);
};
function refilter() {
  const isNarrow = state.sources.size || state.from || state.to || state.strength || state.money || state.least !== "";
  const open = node => !state.hide.has(node.name) && (state.all || opening.has(node)) && passesFact(node);
  view.nodes = new Set(nodes.filter(open));
  view.edges = new Set(edges.filter(edge => view.nodes.has(edge.start) && view.nodes.has(edge.end) && passesEdge(edge)));
  if (isNarrow) {
    const isAboutMoney = state.money || state.least !== "";
    const kept = edge => !isAboutMoney || FACTS.has(edge.start.name) || FACTS.has(edge.end.name);
    view.edges = new Set([...view.edges].filter(kept));
    const ends = new Set([...view.edges].flatMap(edge => [edge.start, edge.end]));
    view.nodes = new Set([...view.nodes].filter(node => ends.has(node)));
  }
}
function chosenPart() {
  const step = state.step === null ? null : page.story.steps[state.step];
  if (step) {
    const part = new Set(step.show.map(id => byId.get(id)).filter(node => view.nodes.has(node)));
    return { nodes: part, edges: new Set([...view.edges].filter(edge => part.has(edge.start) && part.has(edge.end))) };
  }
  const chosen = state.chosen;
  if (!chosen) return null;
  if (chosen.end) return { nodes: new Set([chosen.start, chosen.end]), edges: new Set([chosen]) };
  const near = chosen.edges.filter(edge => view.edges.has(edge));
  return { nodes: new Set([chosen, ...near.flatMap(edge => [edge.start, edge.end])]), edges: new Set(near) };
}

/* ---------------------------------------------------------------- the picture */

let isPrinting = false;
const isDark = () => !isPrinting && (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const tone = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const PAPER = { ink: "#000000", ground: "#ffffff", soft: "#444444", link: "#0a558c" };
/* Where ties are many they are a ground; those of a selection are drawn over it. */
const DENSE = edges.length > 1500;
let colours = {};
function readColours() {
  colours = { ink: tone("ink"), ground: tone("ground"), soft: tone("soft"), tie: isDark() ? "#93a1ab" : "#6f7b84", line: DENSE ? isDark() ? "#2c353b" : "#dde2e6" : isDark() ? "#59666f" : "#a9b3bb", link: tone("link"), index: isDark() ? 2 : 1, ...(isPrinting ? PAPER : {}) };
}
const colourOf = node => (page.styles[node.name] || ["dot", "#555555", "#bbbbbb"])[colours.index];
const dot = node => ({ id: node.number, x: node.at.x, y: node.at.y, size: node.at.size, shape: node.at.shape, color: { background: colourOf(node), border: colours.ground, highlight: { background: colourOf(node), border: colours.ground }, hover: { background: colourOf(node), border: colours.ink } } });
const parallel = new Map();
const line = edge => {
  const key = [edge.start.number, edge.end.number].sort((a, b) => a - b).join("-");
  const turn = parallel.get(key) || 0;
  parallel.set(key, turn + 1);
  const found = { id: edge.number, from: edge.start.number, to: edge.end.number, dashes: edge.inferred ? [5, 4] : false };
  return turn ? { ...found, smooth: { enabled: true, type: (turn % 2) === (edge.start.number < edge.end.number ? 0 : 1) ? "curvedCW" : "curvedCCW", roundness: 0.12 * Math.ceil(turn / 2) } } : found;
};
readColours();
const dots = new vis.DataSet(), lines = new vis.DataSet();
const network = new vis.Network($("stage"), { nodes: dots, edges: lines }, {
  physics: false, autoResize: true,
  interaction: { hover: nodes.length <= 1000, keyboard: false, hideEdgesOnDrag: edges.length > 3000, hideEdgesOnZoom: edges.length > 3000, tooltipDelay: 1e9, selectConnectedEdges: false },
  nodes: { borderWidth: 1.5, borderWidthSelected: 1.5 },
  edges: { smooth: false, width: 1, hoverWidth: 0, selectionWidth: 0.4, color: { color: colours.line, highlight: colours.tie, hover: colours.tie }, arrows: { to: { enabled: edges.length <= 6000, scaleFactor: 0.45 } } },
});
let hovered = null, part = null;
network.on("hoverNode", event => { hovered = nodes[event.node]; network.redraw(); });
network.on("blurNode", () => { hovered = null; network.redraw(); });
network.on("click", event => {
  if (event.nodes.length) choose(nodes[event.nodes[0]]);
  else if (event.edges.length) choose(edges[event.edges[0]]);
  else choose(null);
});

const widths = new Map();
const LINE = 14.5;
const clipped = word => word.length > 26 ? word.slice(0, 25) + "…" : word;
function wrapped(label) {
  const rows = [""];
  for (const word of (label.length > 90 ? label.slice(0, 90) : label).split(/\s+/)) {
    if ((rows.at(-1) + " " + word).trim().length <= 26) rows[rows.length - 1] = (rows.at(-1) + " " + word).trim();
    else if (rows[0] === "") rows[0] = clipped(word);
    else rows.push(clipped(word));
  }
  return rows.length > 2 || label.length > 90 ? [rows[0], (rows[1] || "").slice(0, 24) + "…"] : rows;
}
const rowsOf = new Map(nodes.map(node => [node, wrapped(node.label)]));

/* Labels have one size on the screen. The more connected a node, the earlier it gets its label, and none covers another. */
network.on("afterDrawing", ctx => {
  const scale = network.getScale(), corner = network.DOMtoCanvas({ x: 0, y: 0 });
  const wide = $("stage").clientWidth, high = $("stage").clientHeight;
  /* A node that a reader asked for is never too small to be told by its shape. */
  const halfOf = node => part && part.nodes.has(node) ? Math.max(node.at.size * scale, node === state.chosen ? 9 : 6) : node.at.size * scale;
  const screen = node => [(node.at.x - corner.x) * scale, (node.at.y - corner.y) * scale];
  if (part) {
    ctx.globalAlpha = 0.86; ctx.fillStyle = colours.ground;
    ctx.fillRect(corner.x - wide / scale, corner.y - high / scale, 3 * wide / scale, 3 * high / scale);
    ctx.globalAlpha = 1;
    for (const edge of part.edges) { const own = network.body.edges[edge.number]; if (own && own.connected) { own.selected = true; own.draw(ctx); own.drawArrows(ctx); own.selected = edge === state.chosen; } }
    for (const node of [...part.nodes].sort((a, b) => (a === state.chosen) - (b === state.chosen))) {
      const own = network.body.nodes[node.number], grown = halfOf(node) / (node.at.size * scale);
      if (!own) continue;
      ctx.save(); ctx.translate(node.at.x, node.at.y); ctx.scale(grown, grown); ctx.translate(-node.at.x, -node.at.y);
      own.draw(ctx);
      ctx.restore();
      if (node !== state.chosen) continue;
      ctx.beginPath(); ctx.arc(node.at.x, node.at.y, (halfOf(node) + 4) / scale, 0, 2 * Math.PI);
      ctx.lineWidth = 2 / scale; ctx.strokeStyle = colours.ink; ctx.stroke();
    }
  }
  ctx.save();
  ctx.textAlign = "center"; ctx.textBaseline = "top"; ctx.lineJoin = "round";
  const taken = new Map(), nodesAt = new Map(), cell = 60;
  const over = (box, others) => others.some(other => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);
  const cellsOf = box => {
    const cells = [];
    for (let x = Math.floor(box[0] / cell); x <= Math.floor(box[2] / cell); x++) for (let y = Math.floor(box[1] / cell); y <= Math.floor(box[3] / cell); y++) cells.push(x + "," + y);
    return cells;
  };
  const put = (grid, box) => { for (const key of cellsOf(box)) grid.has(key) ? grid.get(key).push(box) : grid.set(key, [box]); };
  const covered = box => new Set(cellsOf(box).flatMap(key => (nodesAt.get(key) || []).filter(other => over(box, [other])))).size;
  const leastOf = (found, measure) => found.map(one => [measure(one), one]).sort((a, b) => a[0] - b[0]).map(([, one]) => one)[0];
  const isFree = (grid, box) => !cellsOf(box).some(key => over(box, grid.get(key) || []));
  const write = (rows, places, size, weight, colour, isForced = false) => {
    const font = `${weight} ${size}px system-ui, sans-serif`;
    const key = rows.join("\n") + font;
    if (!widths.has(key)) { ctx.font = font; widths.set(key, Math.max(...rows.map(row => ctx.measureText(row).width))); }
    const across = widths.get(key) + 4, tall = rows.length * LINE;
    const boxes = places.map(([x, y, side = 0]) => [Math.max(across / 2 + 2, Math.min(wide - across / 2 - 2, x + side * across / 2)), Math.max(2, Math.min(high - tall - 2, y))]).map(([x, y]) => [x - across / 2, y, x + across / 2, y + tall]).filter(box => isFree(taken, box));
    const box = boxes.find(box => isFree(nodesAt, box)) || (isForced ? leastOf(boxes, covered) : null);
    if (!box) return;
    put(taken, box);
    const place = [(box[0] + box[2]) / 2, box[1]];
    ctx.font = `${weight} ${size / scale}px system-ui, sans-serif`;
    ctx.lineWidth = 3.5 / scale; ctx.strokeStyle = colours.ground; ctx.fillStyle = colour;
    rows.forEach((row, at) => {
      const left = corner.x + place[0] / scale, top = corner.y + (place[1] + at * LINE) / scale;
      ctx.strokeText(row, left, top); ctx.fillText(row, left, top);
    });
  };
  const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = $("nav");
  put(taken, [offsetLeft, offsetTop, offsetLeft + offsetWidth, offsetTop + offsetHeight]);
  const first = [hovered, state.chosen && !state.chosen.end ? state.chosen : null].filter(Boolean);
  const isSeen = node => { const [x, y] = screen(node); return view.nodes.has(node) && x > -40 && y > -20 && x < wide + 40 && y < high + 20; };
  const order = [...new Set([...first, ...(part ? [...part.nodes].sort((a, b) => b.edges.length - a.edges.length) : ranked)])].filter(isSeen).slice(0, part ? 120 : Math.round(wide * high / 11000 * Math.max(1, scale)));
  const nameNode = (node, isForced) => {
    const [x, y] = screen(node), rows = rowsOf.get(node), half = halfOf(node) + (node === state.chosen ? 5 : 0), isFirst = first.includes(node), tall = rows.length * LINE;
    const around = [[x, y + half + 3], [x, y - half - tall - 3], [x + half + 3, y - tall / 2, 1], [x - half - 3, y - tall / 2, -1], [x + half, y + half, 1], [x + half, y - half - tall, 1], [x - half, y + half, -1], [x - half, y - half - tall, -1]];
    write(rows, around, isFirst ? 13.5 : 12, isFirst ? "600" : FACTS.has(node.name) ? "400" : "500", colours.ink, isForced);
  };
  /* Names keep off the nodes that carry one; those that a reader looks for first are written in any case. */
  for (const node of part ? order : order.slice(0, 200)) {
    const [x, y] = screen(node), half = node === state.chosen ? halfOf(node) + 5 : Math.max(halfOf(node), 3) * 0.8;
    put(nodesAt, [x - half, y - half, x + half, y + half]);
  }
  order.forEach((node, at) => nameNode(node, part ? part.nodes.size <= 24 : at < 12));
  let left;
  const named = part ? [...part.edges] : scale > 1.1 ? [...view.edges] : [];
  left = 60;
  for (const edge of named) {
    const [x1, y1] = screen(edge.start), [x2, y2] = screen(edge.end), x = (x1 + x2) / 2, y = (y1 + y2) / 2;
    if (x < 0 || y < 0 || x > wide || y > high || Math.hypot(x2 - x1, y2 - y1) < 70) continue;
    if (!left--) break;
    write([edge.by[1]], [[x, y - 7]], 11, "italic 400", colours.soft);
  }
  ctx.restore();
});

/* ---------------------------------------------------------------- what is known */

function make(tag, properties, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) name in found && name !== "list" ? found[name] = value : found.setAttribute(name, value);
  found.append(...children.filter(child => child !== null && child !== undefined));
  return found;
}
const panel = $("panel");
const say = text => { $("said").textContent = text; };
/* What had the focus may be gone or hidden with what it stood in; the reader goes on at the heading. */
function keepFocus(work) {
  const held = document.activeElement;
  work();
  const now = document.activeElement;
  if (held === document.body || (now !== held && now !== document.body) || (held.isConnected && held.getClientRects().length)) return;
  const head = panel.querySelector("h2");
  head.tabIndex = -1; head.focus({ preventScroll: true });
}
const sourceLabel = id => (page.sources[id] || { label: id }).label;
function passageItem(number) {
  const [source, start, end, form, link, words] = page.passages[number];
  const origin = page.sources[source] || { label: source };
  const item = make("li", {}, make("span", {}, origin.label));
  item.append(make("br"), make("span", { className: "soft" }, `${origin.published ? origin.published + " · " : ""}characters ${start} to ${end}${form ? " · " + form : ""}`));
  if (words) item.append(make("blockquote", {}, words));
  if (link) item.append(make("br"), make("a", { href: safe(link), rel: "noreferrer", target: "_blank" }, link.includes(":~:text=") ? "Open the page at the passage" : "Open the page"));
  return item;
}
const safe = link => /^https?:\/\//i.test(link) ? link : "#";
const proofList = numbers => make("ol", {}, ...[...new Set(numbers)].map(passageItem));
function disputes(id) {
  const found = [];
  const { conflicts = [], absences = [] } = told(id);
  for (const { label, note, members } of conflicts) {
    found.push(make("div", { className: "dispute" }, make("strong", {}, "These do not agree"), label, note ? make("p", { className: "soft" }, note) : null,
      make("ul", {}, ...members.map(([text, numbers]) => make("li", {}, text, numbers.length ? details("Passages", proofList(numbers)) : null)))));
  }
  for (const { label, note, proof } of absences) found.push(make("div", { className: "dispute" }, make("strong", {}, "The source does not say"), label, note ? make("p", { className: "soft" }, note) : null, proof.length ? details("Passages", proofList(proof)) : null));
  return found;
}
function details(title, ...content) { return make("details", {}, make("summary", { className: "soft" }, title), ...content); }
const jump = node => make("button", { type: "button", className: "plain", onclick: () => choose(node, true) }, node.label);
function knownList(id, computed = []) {
  const values = told(id).values || [];
  if (!values.length && !computed.length) return [];
  const list = make("dl", {}, ...computed);
  for (const [sort, text, numbers, remark] of values) list.append(make("dt", {}, sort), make("dd", {}, text, remark ? make("span", { className: "remark" }, remark) : null, numbers.length ? details(numbers.length > 1 ? `${numbers.length} passages` : "Passage", proofList(numbers)) : null));
  return [make("h3", {}, "Known"), list];
}
/* A sum is computed from what the source says; one that is part of another, or tells it again, is not added to it. */
const countedIn = node => (node.told.counted_in ? node.told.counted_in.split("; ") : []);
function total(node) {
  const within = countedIn(node);
  if (!comesTo(node.told)) return [];
  return [make("dt", {}, "Comes to"), make("dd", {}, comesTo(node.told), make("span", { className: "soft" }, " computed"), within.length ? make("span", { className: "remark" }, "counted already in ", ...within.flatMap((id, at) => [at ? ", " : "", byId.has(id) ? jump(byId.get(id)) : id])) : null)];
}
function showNode(node) {
  panel.append(make("h2", {}, node.label), make("p", { className: "soft" }, [node.name, node.kind, node.id].filter(Boolean).join(" · ")), ...disputes(node.id), ...knownList(node.id, total(node)));
  const proof = told(node.id).proof;
  if (proof) panel.append(make("h3", {}, "Proof"), proofList(proof));
  const ways = new Map();
  for (const edge of node.edges) {
    const label = edge.start === node ? edge.by[1] : edge.by[2];
    ways.set(label, [...(ways.get(label) || []), edge]);
  }
  if (ways.size) panel.append(make("h3", {}, `Ties (${node.edges.filter(edge => view.edges.has(edge)).length} shown of ${node.edges.length})`));
  for (const [label, found] of [...ways].sort((a, b) => b[1].length - a[1].length)) {
    const list = make("ul", {}, ...found.slice(0, 200).map(edge => make("li", {}, jump(edge.start === node ? edge.end : edge.start), " ", edge.inferred ? make("span", { className: "mark" }, "concluded") : null, " ", make("button", { type: "button", className: "plain soft", "aria-label": `Proof of this tie: ${label} ${(edge.start === node ? edge.end : edge.start).label}`, onclick: () => choose(edge) }, "proof"))));
    if (found.length > 200) list.append(make("li", { className: "soft" }, `and ${found.length - 200} more; the table of edges has them all`));
    const group = details(`${label} (${found.length})`, list);
    group.open = found.length <= 8;
    panel.append(group);
  }
}
function showEdge(edge) {
  panel.append(make("h2", {}, `${edge.start.label} — ${edge.by[1]} — ${edge.end.label}`), make("p", { className: "soft" }, [edge.by[0], edge.fact].filter(Boolean).join(" · ")));
  if (edge.inferred) panel.append(make("p", {}, make("span", { className: "mark" }, "concluded"), " The source does not state this role; the archivist concluded it."));
  panel.append(...disputes(edge.fact), ...knownList(edge.fact));
  const days = [["Begun by", edge.known_by], ["Ended by", edge.ended_by]].filter(([, day]) => day);
  if (days.length) panel.append(make("dl", {}, ...days.flatMap(([name, day]) => [make("dt", {}, name), make("dd", {}, day)])));
  panel.append(make("h3", {}, "Proof"), proofList(told(edge.fact).proof || []), make("p", {}, jump(edge.start), " · ", jump(edge.end)));
}
function showNothing() {
  panel.append(make("h2", {}, "What is known"), make("p", {}, "Choose a node or a tie to see what is known of it and which passage of which source proves it."));
  if (nodes.length > page.limit) panel.append(make("p", { className: "dispute" }, state.all ? "No node is left out for having few ties. " : `Opened on the ${page.limit.toLocaleString("en")} most connected of ${nodes.length.toLocaleString("en")} nodes. `, make("button", { type: "button", onclick: () => { state.all = !state.all; refresh(); } }, state.all ? "Show the most connected" : "Show all")));
  if (page.cut) panel.append(make("p", { className: "dispute" }, page.cut));
  const list = make("ul");
  for (const [id, source] of Object.entries(page.sources)) list.append(make("li", {}, source.address ? make("a", { href: safe(source.address), rel: "noreferrer", target: "_blank" }, source.label) : source.label, make("br"), make("span", { className: "soft" }, [source.published, id].filter(Boolean).join(" · ")), ...disputes(id)));
  panel.append(make("h3", {}, "Sources"), list);
  if (page.story) panel.append(make("p", {}, make("button", { type: "button", onclick: () => goTo(0) }, `Story: ${page.story.title}`)));
  panel.append(make("p", { className: "soft" }, "A dashed tie was concluded by the archivist. A statement binds nobody; whether a pledge was kept is not said here."));
}

/* ---------------------------------------------------------------- choosing */

/* What was left out comes with what it is tied to. */
function reveal(node) {
  state.hide.delete(node.name);
  if (opening.has(node)) return;
  for (const { start, end } of node.edges) opening.add(start).add(end);
  opening.add(node);
  state.added.push(node.id);
}
function choose(what, isAway = false) { keepFocus(() => chooseNow(what, isAway)); }
function chooseNow(what, isAway) {
  leaveStory();
  state.chosen = what;
  if (what && !(what.end ? view.edges : view.nodes).has(what)) {
    for (const node of what.end ? [what.start, what.end] : [what]) reveal(node);
    refilter();
    if (!(what.end ? view.edges : view.nodes).has(what)) clearNarrow();
    refresh();
  }
  settle(isAway);
  say(!what ? "Nothing is selected." : what.end ? `${what.start.label} ${what.by[1]} ${what.end.label}.` : `${what.label}, ${what.name}, ${what.edges.length} ties.`);
}
function settle(isAway) {
  const what = state.chosen;
  part = chosenPart();
  network.setSelection({ nodes: what && !what.end && dots.get(what.number) ? [what.number] : [], edges: what && what.end && lines.get(what.number) ? [what.number] : [] }, { highlightEdges: false });
  const step = state.step === null ? null : page.story.steps[state.step];
  panel.replaceChildren();
  if (step && step.select.length) step.select.forEach(id => showNode(byId.get(id))); else if (!what) showNothing(); else if (what.end) showEdge(what); else showNode(what);
  if (page.story && state.last !== null && state.step === null) panel.append(make("p", {}, make("button", { type: "button", onclick: () => goTo(state.last) }, "Back to the story")));
  if (what && isAway) { lookAt(what); panel.scrollTop = 0; if (innerWidth < 992) panel.scrollIntoView(); }
  network.redraw();
  drawTable();
  remember();
}
/* All of these, with room for their names; a few nodes are not blown up. */
function see(wanted = [...view.nodes]) {
  wanted = wanted.filter(node => view.nodes.has(node));
  if (!wanted.length) return;
  network.fit({ nodes: wanted.map(node => node.number), animation: false, maxZoomLevel: 1.8 });
  if (wanted.length <= 100) network.moveTo({ scale: network.getScale() * 0.82, animation: false });
}
function lookAt(what) {
  const node = what.end ? what.start : what;
  network.moveTo({ position: { x: node.at.x, y: node.at.y }, scale: Math.max(network.getScale(), 0.8), animation: false });
  state.moved = false;
}

/* ---------------------------------------------------------------- filters */

function svg(shape, colour) {
  const found = document.createElementNS("http://www.w3.org/2000/svg", "svg"), inner = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const forms = { dot: "M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14", square: "M2 2h12v12H2z", triangle: "M8 1l7 13H1z", triangleDown: "M8 15l7-13H1z", diamond: "M8 0l8 8-8 8-8-8z", hexagon: "M4 1h8l4 7-4 7H4L0 8z", star: "M8 0l2.4 5.2 5.6.7-4.1 3.9 1.1 5.7L8 12.7l-5 2.8 1.1-5.7L0 5.900l5.600-.7z" };
  found.setAttribute("viewBox", "0 0 16 16"); found.setAttribute("aria-hidden", "true");
  inner.setAttribute("d", forms[shape] || forms.dot); inner.setAttribute("fill", colour);
  found.append(inner);
  return found;
}
const FIELDS = [["from-day", "from"], ["to-day", "to"], ["least-money", "least"]];
function drawFilters() {
  const active = document.activeElement.id;
  const counts = new Map();
  for (const node of nodes) counts.set(node.name, (counts.get(node.name) || 0) + 1);
  $("legend").replaceChildren($("legend").firstElementChild);
  for (const [name, [shape]] of Object.entries(page.styles)) {
    const box = make("input", { type: "checkbox", id: `class-${name}`, checked: !state.hide.has(name), onchange: event => { event.target.checked ? state.hide.delete(name) : state.hide.add(name); refresh(); } });
    $("legend").append(make("label", {}, box, svg(shape, page.styles[name][colours.index]), make("span", {}, name), make("small", {}, String(counts.get(name)))));
  }
  $("by-source").replaceChildren($("by-source").firstElementChild);
  for (const [id, source] of Object.entries(page.sources)) {
    const box = make("input", { type: "checkbox", id: `from-${id}`, checked: !state.sources.has(id), onchange: event => { event.target.checked ? state.sources.delete(id) : state.sources.add(id); refresh(); } });
    $("by-source").append(make("label", {}, box, " ", source.label));
  }
  $("by-strength").replaceChildren($("by-strength").firstElementChild);
  for (const [value, text] of [["", "all"], ["firm", "firm: promised or announced"], ["planned", "planned"]]) {
    const box = make("input", { type: "radio", id: `strength-${value || "all"}`, name: "strength", checked: state.strength === value, onchange: () => { state.strength = value; refresh(); } });
    $("by-strength").append(make("label", {}, box, " ", text));
  }
  for (const [id, name] of FIELDS) $(id).value = state[name];
  $("undated").checked = state.undated; $("with-money").checked = state.money;
  $("units").textContent = [...new Set(nodes.map(node => node.told.unit).filter(Boolean))].join(", ");
  if (active && $(active) && $(active) !== document.activeElement) $(active).focus();
}
for (const [id, name] of FIELDS) $(id).addEventListener("change", event => { state[name] = event.target.value; refresh(); });
$("undated").addEventListener("change", event => { state.undated = event.target.checked; refresh(); });
$("with-money").addEventListener("change", event => { state.money = event.target.checked; refresh(); });
function clearNarrow() { Object.assign(state, { sources: new Set(), strength: "", from: "", to: "", undated: true, money: false, least: "" }); }
$("reset").addEventListener("click", () => { clearNarrow(); state.hide.clear(); state.all = true; refresh(); });

function refresh() { keepFocus(refreshNow); }
function refreshNow() {
  refilter();
  parallel.clear();
  dots.clear(); lines.clear();
  dots.add([...view.nodes].map(dot)); lines.add([...view.edges].map(line));
  if (state.step === null && state.chosen && !(state.chosen.end ? view.edges : view.nodes).has(state.chosen)) state.chosen = null;
  $("count").textContent = `${view.nodes.size.toLocaleString("en")} of ${nodes.length.toLocaleString("en")} nodes, ${view.edges.size.toLocaleString("en")} of ${edges.length.toLocaleString("en")} ties`;
  drawFilters();
  settle(false);
}

/* ---------------------------------------------------------------- search */

let matches = [], active = -1;
function search(text) {
  const wanted = fold(text);
  if (!wanted) return [];
  const words = wanted.split(" ");
  const found = [];
  for (const node of nodes) {
    let best = 0, by = node.label;
    for (const name of namesOf.get(node)) {
      const plain = fold(name);
      const score = plain === wanted ? 4 : plain.startsWith(wanted) ? 3 : words.every(word => (" " + plain).includes(" " + word)) ? 2 : plain.includes(wanted) ? 1 : 0;
      if (score > best) { best = score; by = name; }
    }
    if (best) found.push([best - (FACTS.has(node.name) ? 0.5 : 0), node, by]);
  }
  return found.sort((a, b) => b[0] - a[0] || b[1].edges.length - a[1].edges.length || a[1].number - b[1].number).slice(0, 12);
}
function offer() {
  matches = search($("search").value); active = matches.length ? 0 : -1;
  drawMatches();
}
function drawMatches() {
  const list = $("matches"), text = $("search").value.trim();
  list.replaceChildren(...matches.map(([, node, name], at) => make("li", { role: "option", id: "match-" + at, "aria-selected": String(at === active), onmousedown: event => { event.preventDefault(); take(at); } }, node.label, " ", make("small", {}, name === node.label ? node.name : `${node.name}, as ${name}`))));
  if (!matches.length && text) say("Nothing here is called that.");
  if (!matches.length && text) list.append(make("li", { role: "option", "aria-selected": "false", "aria-disabled": "true" }, `Nothing here is called “${text.slice(0, 60)}”.`));
  list.hidden = !text;
  $("search").setAttribute("aria-expanded", String(!list.hidden));
  if (active >= 0) { $("search").setAttribute("aria-activedescendant", "match-" + active); $("match-" + active).scrollIntoView({ block: "nearest" }); } else $("search").removeAttribute("aria-activedescendant");
}
function take(at) {
  if (!matches[at]) return;
  close();
  $("search").value = matches[at][1].label;
  choose(matches[at][1], true);
}
function close() { $("matches").hidden = true; $("search").setAttribute("aria-expanded", "false"); $("search").removeAttribute("aria-activedescendant"); }
$("search").addEventListener("input", offer);
$("search").addEventListener("blur", close);
$("search").addEventListener("keydown", event => {
  if (event.key === "Escape") { close(); return; }
  if (event.key === "Enter") { event.preventDefault(); if ($("matches").hidden) offer(); take(Math.max(active, 0)); return; }
  if (!["ArrowDown", "ArrowUp"].includes(event.key) || !matches.length) return;
  event.preventDefault();
  active = (active + (event.key === "ArrowDown" ? 1 : matches.length - 1)) % matches.length;
  drawMatches();
});
$("find").addEventListener("submit", event => event.preventDefault());

/* ---------------------------------------------------------------- the tables */

const day = edge => edge.known_by || "";
const dateOf = node => node.told.date || (node.told.latest ? `by ${node.told.latest}` : "");
const COLUMNS = {
  nodes: [["Name", node => node.label, node => jump(node)], ["Class", node => node.name], ["Kind", node => node.kind || ""], ["Ties", node => node.edges.length], ["Money", node => node.told.money || "", null, node => node.told.money ? largest(node) : -1], ["Comes to", node => comesTo(node.told) + (countedIn(node).length ? " (counted already)" : ""), null, node => node.told.total_low === undefined ? -1 : largest(node)], ["Date", dateOf, null, node => (dateOf(node).match(/\d{4}[\d-]*/) || [""])[0]]],
  edges: [["From", edge => edge.start.label, edge => jump(edge.start)], ["Tie", edge => edge.by[1] + (edge.inferred ? " (concluded)" : ""), edge => make("button", { type: "button", onclick: () => choose(edge) }, edge.by[1] + (edge.inferred ? " (concluded)" : ""))], ["To", edge => edge.end.label, edge => jump(edge.end)], ["Money", edge => edge.told.money || "", null, edge => edge.told.money ? Math.max(...figures(edge.told.money)) : -1], ["Begun by", day], ["Ended by", edge => edge.ended_by || ""], ["Strength", edge => edge.told.strength || ""], ["Source", edge => edge.source ? edge.source.replace(/^source:/, "") : ""]],
};
const PRINTED = 5000;
const SORTS = { nodes: [3, -1], edges: [0, 1] };
const table = { sort: { ...SORTS }, filter: "", rows: 200 };
function currentRows() {
  const all = state.view === "edges" ? [...view.edges] : [...view.nodes];
  const chosen = $("only-chosen").checked && part ? all.filter(row => part[state.view].has(row)) : all;
  const columns = COLUMNS[state.view], words = fold(table.filter).split(" ").filter(Boolean);
  const kept = words.length ? chosen.filter(row => { const text = fold(columns.map(column => column[1](row)).join(" ")); return words.every(word => text.includes(word)); }) : chosen;
  const [at, turn] = table.sort[state.view], value = columns[at][3] || columns[at][1];
  return kept.map(row => [value(row), row]).sort((a, b) => turn * (typeof a[0] === "number" ? a[0] - b[0] : collator.compare(a[0], b[0])) || a[1].number - b[1].number).map(([, row]) => row);
}
function drawTable() {
  if (state.view === "picture") return;
  const columns = COLUMNS[state.view], rows = currentRows(), [at, turn] = table.sort[state.view];
  const head = make("tr", {}, ...columns.map(([name], number) => make("th", { scope: "col", "aria-sort": number === at ? (turn > 0 ? "ascending" : "descending") : "none" },
    make("button", { type: "button", onclick: () => { table.sort[state.view] = [number, number === at ? -turn : 1]; drawTable(); remember(); $("twin").querySelectorAll("th button")[number].focus(); } }, name + (number === at ? (turn > 0 ? " ↑" : " ↓") : "")))));
  $("twin").querySelector("thead").replaceChildren(head);
  $("twin").querySelector("tbody").replaceChildren(...rows.slice(0, table.rows).map(row => make("tr", { className: row === state.chosen ? "chosen" : "" }, ...columns.map(([, value, element]) => make("td", { className: typeof value(row) === "number" ? "number" : /^\d{4}-\d\d-\d\d$/.test(value(row)) ? "day" : "" }, element ? element(row) : String(value(row)))))));
  $("caption").textContent = `${Math.min(rows.length, table.rows).toLocaleString("en")} of ${rows.length.toLocaleString("en")} ${state.view === "nodes" ? "nodes" : "ties"}`;
  $("more").hidden = rows.length <= table.rows;
  $("only-chosen").disabled = !part;
  say($("caption").textContent);
}
$("row-filter").addEventListener("input", event => { table.filter = event.target.value; drawTable(); remember(); });
$("only-chosen").addEventListener("change", () => { drawTable(); remember(); });
$("more").addEventListener("click", () => { table.rows += 1000; drawTable(); if ($("more").hidden) $("twin").querySelector(".scroll").focus(); });
$("twin").querySelector("form").addEventListener("submit", event => event.preventDefault());
function show(name) {
  state.view = name; table.rows = 200;
  for (const other of ["picture", "nodes", "edges"]) $("view-" + other).setAttribute("aria-pressed", String(other === name));
  $("twin").hidden = name === "picture"; $("nav").hidden = name !== "picture"; $("stage").style.visibility = name === "picture" ? "visible" : "hidden";
  drawTable(); remember();
}
for (const name of ["picture", "nodes", "edges"]) $("view-" + name).addEventListener("click", () => show(name));

/* ---------------------------------------------------------------- saving */

function save(name, type, content) {
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 5000);
  $("save").open = false;
}
/* These tables are opened in spreadsheets, where a text that begins like a formula would be run: an apostrophe stops that, by
   the advice of https://owasp.org/www-community/attacks/CSV_Injection. The network as JSON has every text as it is. */
const inert = value => typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? "'" + value : String(value);
const quote = text => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const csv = rows => rows.map(row => row.map(value => quote(inert(value))).join(",")).join("\r\n") + "\r\n";
/* What is saved is what is seen: the rows of the table that is open, else what stands out, else what is shown. */
const current = () => {
  const found = part ? { nodes: [...part.nodes], edges: [...part.edges] } : { nodes: [...view.nodes], edges: [...view.edges] };
  if (state.view === "edges") { const edges = currentRows(), ends = new Set(edges.flatMap(edge => [edge.start, edge.end])); return { nodes: nodes.filter(node => ends.has(node)), edges }; }
  if (state.view === "nodes") { const kept = currentRows(), ends = new Set(kept); return { nodes: kept, edges: [...view.edges].filter(edge => ends.has(edge.start) && ends.has(edge.end)) }; }
  return found;
};
const spans = fact => (told(fact).proof || []).map(number => { const [source, start, end, , link] = page.passages[number]; return { source, start, end, link }; });
$("save-nodes").addEventListener("click", () => save("nodes.csv", "text/csv", csv([["id", "class", "label", "kind", "ties", "money", "total_low", "total_high", "unit", "counted_in", "date"], ...current().nodes.map(node => [node.id, node.name, node.label, node.kind || "", node.edges.length, node.told.money || "", ...["total_low", "total_high", "unit"].map(name => node.told[name] ?? ""), countedIn(node).join("; "), dateOf(node)])])));
$("save-edges").addEventListener("click", () => save("edges.csv", "text/csv", csv([["source", "target", "relation", "label", "inferred", "fact", "reported_in", "known_by", "ended_by", "strength", "money", "passages"], ...current().edges.map(edge => [edge.start.id, edge.end.id, edge.by[0], edge.by[1], edge.inferred, edge.fact || "", edge.source || "", edge.known_by || "", edge.ended_by || "", edge.told.strength || "", edge.told.money || "", spans(edge.fact).map(({ source, start, end }) => `${source} ${start}-${end}`).join("; ")])])));
$("save-json").addEventListener("click", () => save("network.json", "application/json", JSON.stringify({ directed: true, multigraph: true, graph: { title: page.title }, nodes: current().nodes.map(node => ({ id: node.id, class: node.name, label: node.label, kind: node.kind, ...node.told })), edges: current().edges.map(edge => ({ source: edge.start.id, target: edge.end.id, key: String(edge.key), relation: edge.by[0], label: edge.by[1], inverse_label: edge.by[2], inferred: edge.inferred, fact: edge.fact, reported_in: edge.source, known_by: edge.known_by, ended_by: edge.ended_by, passages: spans(edge.fact), ...edge.told })) }, null, 2)));
$("save-png").addEventListener("click", () => {
  const from = $("stage").querySelector("canvas"), to = make("canvas", { width: from.width, height: from.height }), ctx = to.getContext("2d");
  ctx.fillStyle = colours.ground; ctx.fillRect(0, 0, to.width, to.height); ctx.drawImage(from, 0, 0);
  to.toBlob(blob => save("network.png", "image/png", blob));
});

/* ---------------------------------------------------------------- the story */

const narrowed = () => ({ hide: new Set(state.hide), sources: new Set(state.sources), strength: state.strength, from: state.from, to: state.to, undated: state.undated, money: state.money, least: state.least });
/* A step shows what its file says; the filters of the reader wait until he leaves the story. */
function leaveStory() {
  if (state.step === null) return;
  state.last = state.step; state.step = null;
  if (state.before) { Object.assign(state, state.before); state.before = null; state.chosen = null; refreshNow(); }
  showStory();
}
function goTo(number, isRestored = false, isAsHidden = false) {
  const step = page.story.steps[number];
  if (!isRestored) { if (state.step === null) state.before = narrowed(); clearNarrow(); }
  state.step = number;
  state.chosen = byId.get(step.select[0]) || null;
  if (!isAsHidden) step.show.forEach(id => reveal(byId.get(id)));
  refresh();
  showStory();
  see(step.show.map(id => byId.get(id)));
  state.moved = false;
  remember();
  $("story-title").focus({ preventScroll: true });
  if (innerWidth < 992) document.querySelector("main").scrollIntoView();
}
function showStory() {
  const number = state.step;
  $("story").hidden = number === null;
  if (number === null) { remember(); return; }
  const step = page.story.steps[number];
  $("story-at").textContent = `${page.story.title} · ${number + 1} of ${page.story.steps.length}`;
  $("story-title").textContent = step.title; $("story-text").textContent = step.text;
  $("story-back").disabled = number === 0; $("story-next").disabled = number === page.story.steps.length - 1;
  network.setSize("100%", "100%"); network.redraw();
}
$("story-back").addEventListener("click", () => goTo(state.step - 1));
$("story-next").addEventListener("click", () => goTo(state.step + 1));
$("story-end").addEventListener("click", () => { const { chosen } = state; leaveStory(); choose(chosen); });

/* ---------------------------------------------------------------- the address */

const reach = Object.fromEntries(["x", "y"].map(axis => [axis, nodes.reduce(([least, most], node) => [Math.min(least, node.at[axis]), Math.max(most, node.at[axis])], [0, 0])]));
const within = (value, axis) => Math.min(Math.max(value, reach[axis][0]), reach[axis][1]);
let isRestoring = false;
function remember() {
  if (isRestoring) return;
  const params = new URLSearchParams();
  if (state.view !== "picture") params.set("view", state.view);
  if (state.step !== null) params.set("step", state.step + 1);
  else if (state.chosen) state.chosen.end ? params.set("tie", state.chosen.key) : params.set("node", state.chosen.id);
  if ([...state.hide].sort().join() !== [...page.hide].sort().join()) params.set("hide", [...state.hide].sort().join());
  if (state.sources.size) params.set("without", [...state.sources].sort().join());
  for (const name of ["strength", "from", "to", "least"]) if (state[name]) params.set(name, state[name]);
  if (!state.undated) params.set("undated", "no");
  if (state.money) params.set("money", "yes");
  if (state.all && nodes.length > page.limit) params.set("all", "yes");
  if (table.filter) params.set("rows", table.filter);
  if (state.added.length && !state.all) params.set("with", state.added.join());
  if ($("only-chosen").checked) params.set("only", "selected");
  for (const name of ["nodes", "edges"]) if (table.sort[name].join() !== SORTS[name].join()) params.set("sort-" + name, table.sort[name].join());
  if (state.moved) { const { x, y } = network.getViewPosition(); params.set("at", [Math.round(x), Math.round(y), network.getScale().toFixed(3)].join()); }
  try { history.replaceState(null, "", params.size ? "#" + params : location.pathname + location.search); }
  catch (error) { if (error.name !== "SecurityError") throw error; /* a viewer that allows no address shows the page all the same */ }
}
function restore() {
  const params = new URLSearchParams(location.hash.slice(1));
  isRestoring = true;
  clearNarrow();
  opening.clear();
  for (const node of most) opening.add(node);
  state.added = [];
  state.before = null;
  for (const id of (params.get("with") || "").split(",").slice(0, 100)) if (byId.has(id)) reveal(byId.get(id));
  state.hide = new Set(params.has("hide") ? params.get("hide").split(",").filter(name => Object.hasOwn(page.styles, name)) : page.hide);
  state.sources = new Set((params.get("without") || "").split(",").filter(id => Object.hasOwn(page.sources, id)));
  state.strength = ["firm", "planned"].includes(params.get("strength")) ? params.get("strength") : "";
  /* A field takes what it can show, so no filter is in force that the reader cannot see. */
  for (const [id, name] of FIELDS) { $(id).value = params.get(name) || ""; state[name] = $(id).value; }
  state.undated = params.get("undated") !== "no"; state.money = params.get("money") === "yes";
  state.all = params.get("all") === "yes" || nodes.length <= page.limit;
  table.filter = $("row-filter").value = params.get("rows") || "";
  $("only-chosen").checked = params.get("only") === "selected";
  for (const name of ["nodes", "edges"]) {
    const [at, turn] = (params.get("sort-" + name) || "").split(",").map(Number);
    table.sort[name] = COLUMNS[name][at] && [1, -1].includes(turn) ? [at, turn] : SORTS[name];
  }
  state.step = null;
  state.chosen = byId.get(params.get("node")) || edges.find(edge => String(edge.key) === params.get("tie")) || null;
  const chosen = state.chosen, number = Number(params.get("step"));
  refresh();
  if (!document.documentElement.dataset.ready) see();
  if (page.story && page.story.steps[number - 1]) goTo(number - 1, true, params.has("hide"));
  else if (chosen) choose(chosen, true);
  show(["nodes", "edges"].includes(params.get("view")) ? params.get("view") : "picture");
  const [x, y, scale] = (params.get("at") || "").split(",").map(Number);
  state.moved = [x, y, scale].every(Number.isFinite) && scale > 0;
  if (state.moved) network.moveTo({ position: { x: within(x, "x"), y: within(y, "y") }, scale: Math.min(Math.max(scale, 0.02), 10), animation: false });
  isRestoring = false;
  remember();
}
addEventListener("hashchange", restore);
document.querySelector(".skip").addEventListener("click", event => { event.preventDefault(); panel.focus(); });

/* ---------------------------------------------------------------- beginning */

/* Where the reader stands is written down once he has come to rest: browsers refuse an address that changes too often. */
let resting = 0;
function moved() { state.moved = true; clearTimeout(resting); resting = setTimeout(remember, 300); }
for (const name of ["zoom", "dragEnd"]) network.on(name, moved);
for (const [id, factor] of [["zoom-in", 1.4], ["zoom-out", 1 / 1.4]]) $(id).addEventListener("click", () => { network.moveTo({ scale: network.getScale() * factor, animation: false }); moved(); });
const KEYS = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] };
$("stage").addEventListener("keydown", event => {
  if (KEYS[event.key]) {
    const { x, y } = network.getViewPosition(), scale = network.getScale(), [right, down] = KEYS[event.key];
    network.moveTo({ position: { x: x + right / scale, y: y + down / scale }, animation: false });
    moved();
  } else if (event.key === "+" || event.key === "-") $(event.key === "+" ? "zoom-in" : "zoom-out").click();
  else if (event.key === "0") $("fit").click();
  else return;
  event.preventDefault();
});
$("fit").addEventListener("click", () => { see(); state.moved = false; remember(); });
function nameTheme() { $("theme").textContent = isDark() ? "Light" : "Dark"; }
function recolour() {
  readColours();
  network.setOptions({ edges: { color: { color: colours.line, highlight: colours.tie, hover: colours.tie } } });
  nameTheme();
  dots.update([...view.nodes].map(dot));
  drawFilters();
  network.redraw();
}
$("theme").addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; recolour(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
addEventListener("keydown", event => {
  if (event.key === "Escape" && $("save").open) { $("save").open = false; $("save").querySelector("summary").focus(); return; }
  if (event.key === "Escape" && !(event.target instanceof HTMLInputElement)) choose(null);
  if (event.key === "/" && !(event.target instanceof HTMLInputElement)) { event.preventDefault(); $("search").focus(); }
});
nameTheme();
$("stage").querySelector(".vis-network").tabIndex = -1;
/* On paper the ground is white, every passage is open and a table has all its rows; afterwards all is as it was. */
let before = null;
addEventListener("beforeprint", () => {
  before = { at: network.getViewPosition(), scale: network.getScale(), rows: table.rows, closed: [...panel.querySelectorAll("details:not([open])")] };
  isPrinting = true;
  recolour();
  for (const details of panel.querySelectorAll("details")) details.open = true;
  table.rows = PRINTED; drawTable();
  see(part ? [...part.nodes] : undefined);
  network.body.emitter.emit("_redraw");
});
addEventListener("afterprint", () => {
  isPrinting = false;
  recolour();
  for (const details of before.closed) details.open = false;
  table.rows = before.rows; drawTable();
  network.moveTo({ position: before.at, scale: before.scale, animation: false });
});
if (innerWidth < 992) document.querySelectorAll("#filters details").forEach(part => { part.open = false; });
restore();
document.documentElement.dataset.ready = "yes";

"use strict";
/* The explorer: what a reader adds is read from the routes of the network, drawn, and told beside it as a list. */
const $ = id => document.getElementById(id);
const styles = JSON.parse($("styles").textContent);
const start = JSON.parse($("start-from").textContent);
const root = $("app").dataset.root;
const motion = matchMedia("(prefers-reduced-motion: reduce)"), darkness = matchMedia("(prefers-color-scheme: dark)");

/* ---------------------------------------------------------------- what is known and what is shown */

/* All that was ever read is kept, so what was dropped comes back without asking. Of the nodes of any picture every tie was
   read with the whole of it, or with a larger one. */
const known = { nodes: new Map(), edges: new Map(), ways: new Map() };
const past = [];
const followed = new Map();
let ids = [], chosen = null, marked = null;
/* What the address asks for and could not be read yet. */
let waiting = start.seeds;

const count = (number, one, more = one + "s") => `${number.toLocaleString("en")} ${number === 1 ? one : more}`;
const node = id => known.nodes.get(id);
const label = id => node(id).label;
const brief = id => (label(id).length > 44 ? label(id).slice(0, 42).trimEnd() + "…" : label(id));
const isSafe = link => /^https?:\/\//i.test(link || "");
const encoded = text => encodeURIComponent(text).replaceAll("%3A", ":");
const seedsOf = list => list.map(id => `seed=${encoded(id)}`).join("&");
const parts = id => [id.slice(0, id.indexOf(":")), id.slice(id.indexOf(":") + 1)].map(encodeURIComponent).join("/");
const entityPath = id => `/entities/${parts(id)}`;
const pagePath = id => root + (id.startsWith("source:") ? `/sources/${encodeURIComponent(id.slice(7))}` : entityPath(id));

let shownEdges = [];
function edgesAmong(list) {
  const inside = new Set(list);
  return [...known.edges.values()].filter(edge => inside.has(edge.start) && inside.has(edge.end)).sort((a, b) => a.key - b.key);
}
const tiesOf = id => shownEdges.filter(edge => edge.start === id || edge.end === id);
const other = (edge, id) => (edge.start === id ? edge.end : edge.start);

function say(text, isWrong = false) {
  $("said").textContent = text;
  $("said").classList.toggle("wrong", isWrong);
}

/* ---------------------------------------------------------------- asking */

/* What goes wrong is said in a sentence, and what is shown stays as it is; false where asking again would not help. */
async function ask(path) {
  const answer = await fetch(root + path).catch(() => null);
  if (!answer) return complain("The server does not answer. Nothing is lost; try again.");
  const told = await answer.json().catch(() => null);
  if (answer.ok && told) return told;
  complain((told && told.detail) || (answer.ok ? "The answer broke off. Try again." : `The server answers ${answer.status}. Nothing is lost.`));
  return answer.status === 422 ? false : null;
}
function complain(text) {
  say(straight(text), true);
  return null;
}

/* What a reader does is done in its order, however long an answer takes. */
let work = Promise.resolve();
function act(deed) {
  work = work.catch(() => null).then(deed);
  return work;
}

async function read(list) {
  const found = await ask(`/subgraph.json?${seedsOf(list)}&depth=0`);
  if (!found) return false;
  for (const one of found.nodes) known.nodes.set(one.id, { id: one.id, label: straight(one.label || one.id) || one.id, name: one.class || "", degree: one.network_degree });
  for (const one of found.edges) known.edges.set(one.key, { key: Number(one.key), id: one.key, start: one.source, end: one.target, relation: one.relation, label: straight(one.label), inverse: straight(one.inverse_label), fact: one.fact, inferred: one.inferred, link: one.link });
  return true;
}

async function waysOf(id) {
  if (!known.ways.has(id)) {
    const found = await ask(`${entityPath(id)}/neighbours.json?limit=1`);
    if (found === false) known.ways.set(id, false);
    if (!found) return found;
    known.ways.set(id, found.ways);
  }
  return known.ways.get(id);
}

/* ---------------------------------------------------------------- what a reader does */

/* How much more goes into an address that every server takes. */
function withRoom(list, wanted) {
  const taken = [];
  let length = seedsOf(list).length;
  for (const id of wanted) {
    length += encoded(id).length + 6;
    if (list.length + taken.length >= start.most || length > start.longest) break;
    taken.push(id);
  }
  return taken;
}

function remember() {
  past.push({ ids: [...ids], places: new Map([...places].map(([id, spot]) => [id, { ...spot }])), chosen });
  if (past.length > 100) past.shift();
}

/* Returns what came in, or null if it could not be read. */
async function add(wanted, from = null) {
  const fresh = [...new Set([...waiting, ...wanted])].filter(id => !ids.includes(id));
  const taken = withRoom(ids, fresh);
  if (taken.length && !(await read([...ids, ...taken]))) return null;
  if (!taken.length) return taken;
  if (document.documentElement.dataset.ready) remember();
  waiting = [];
  $("again").hidden = true;
  ids = [...ids, ...taken];
  place(taken, from);
  return taken;
}
const full = left => `The picture is full; ${count(left, "thing was", "things were")} left out. Drop some first.`;
const sum = () => `${count(ids.length, "thing")}, ${count(shownEdges.length, "tie")}`;

async function addNamed(id, name) {
  const taken = await add([id]);
  if (!taken) return;
  if (!ids.includes(id)) return complain(full(1));
  chosen = id;
  marked = null;
  draw(taken);
  say(taken.length ? `${brief(id)} is in the picture: ${sum()}.` : `${name} is in the picture already.`);
}

const sameWay = (a, b) => a.relation === b.relation && a.outward === b.outward;
const keyOf = (id, way) => [id, way.relation, way.label, way.outward].join("\n");
const stands = (way, edge, id) => edge.relation === way.relation && (edge.start === id) === way.outward && (way.outward ? edge.label : edge.inverse) === way.label;
const reached = (id, way) => new Set(tiesOf(id).filter(edge => stands(way, edge, id)).map(edge => (way.outward ? edge.end : edge.start))).size;

/* The ties of a node come by relation, those that lead out first; so where those of one way begin is known from the counts. */
async function follow(id, way) {
  const ways = await waysOf(id);
  if (!ways) return;
  const isBefore = one => one.relation < way.relation || (one.relation === way.relation && one.outward && !way.outward);
  const edgesOf = test => ways.filter(test).reduce((total, one) => total + one.edges, 0);
  const first = edgesOf(isBefore), total = edgesOf(one => sameWay(one, way)), key = keyOf(id, way);
  let at = followed.get(key) || 0;
  for (let seen = 0; seen < total + start.page; seen += start.page) {
    const found = await ask(`${entityPath(id)}/neighbours.json?limit=${Math.min(start.page, total - at)}&offset=${first + at}`);
    if (!found) return;
    at = at + start.page < total ? at + start.page : 0;
    const ties = found.results.map(edge => ({ ...edge, start: edge.source, end: edge.target, label: straight(edge.label), inverse: straight(edge.inverse_label) }));
    const ends = ties.filter(edge => stands({ ...way, label: straight(way.label) }, edge, id)).map(edge => (way.outward ? edge.end : edge.start));
    const fresh = [...new Set(ends)].filter(end => !ids.includes(end));
    if (!fresh.length) continue;
    const taken = await add(fresh, id);
    if (!taken) return;
    if (taken.length === fresh.length) followed.set(key, at);
    draw(taken);
    const here = `${brief(id)} ${straight(way.label)}: ${reached(id, way).toLocaleString("en")} of ${count(way.nodes, "thing")} shown.`;
    return taken.length < fresh.length ? complain(`${here} ${full(fresh.length - taken.length)}`) : say(`${count(taken.length, "thing")} added. ${here}`);
  }
  say(`All that ${brief(id)} ${straight(way.label)} is in the picture.`);
}

function drop(id) {
  const name = brief(id);
  remember();
  ids = ids.filter(one => one !== id);
  if (chosen === id) chosen = null;
  marked = null;
  draw();
  say(`${name} is dropped: ${sum()}.`);
}

function clear() {
  if (!ids.length) return;
  remember();
  ids = [];
  chosen = marked = null;
  draw();
  say("Everything is dropped. Undo brings it back.");
}

function undo() {
  const before = past.pop();
  if (!before) return;
  ids = before.ids;
  for (const [id, spot] of before.places) places.set(id, spot);
  chosen = ids.includes(before.chosen) ? before.chosen : null;
  marked = null;
  draw(ids);
  say(`Undone: ${sum()}.`);
}

/* Returns whether there was an answer. */
async function findPaths(first, second, name) {
  const found = await ask(`/path.json?from=${encoded(first)}&to=${encoded(second)}`);
  if (!found) return false;
  if (!found.paths.length) {
    say(`There is no path between ${label(first)} and ${name}.`);
    return true;
  }
  const wanted = [...new Set(found.paths.flatMap(path => path.flatMap(step => [step.start, step.end])))];
  const missing = wanted.filter(id => !ids.includes(id));
  const taken = await add(wanted, first);
  if (!taken) return false;
  const left = missing.filter(id => !ids.includes(id)).length;
  const steps = found.paths.flatMap(path => path.flatMap(step => step.edges.map(edge => edge.key)));
  chosen = first;
  marked = { first, second, name, edges: new Set(steps), found: found.paths.length, total: found.total, hops: found.hops };
  draw(taken);
  if (left) complain(full(left));
  else say(`${pathsTold()} ${taken.length ? `${count(taken.length, "thing")} added.` : "All of it was in the picture."}`);
  return true;
}
function pathsTold() {
  const { name, found, total, hops } = marked;
  const many = found < total ? `${found.toLocaleString("en")} of ${count(total, "shortest path")}` : count(total, "shortest path");
  return `${many} to ${name}, of ${count(hops, "step")}${total > 1 ? " each" : ""}.`;
}

function choose(id) {
  chosen = id;
  marked = null;
  draw();
  if (id) say(`${label(id)}, ${node(id).name}, ${count(tiesOf(id).length, "tie")} in the picture of ${node(id).degree.toLocaleString("en")}.`);
}

/* ---------------------------------------------------------------- places */

const places = new Map();
const WIDE = 0.7, NEAR = 150;
/* A name is wider than it is high, so what stands side by side needs more room than what stands above one another. */
const gap = (a, b) => Math.hypot((a.x - b.x) * WIDE, a.y - b.y);

/* What is new stands around what it came from, on the side that is free, and then all make room. The same steps from the same
   beginning lead to the same places. */
function place(fresh, from) {
  const near = edgesAmong(ids), isNew = new Set(fresh);
  const tied = new Map(ids.map(id => [id, []]));
  for (const edge of near) if (edge.start !== edge.end) { tied.get(edge.start).push(edge.end); tied.get(edge.end).push(edge.start); }
  const standing = new Set(ids.filter(id => !isNew.has(id)));
  let rest = [...fresh];
  while (rest.length) {
    /* The node that was there first takes all of its own at once. */
    const parent = from && standing.has(from) && rest.some(id => tied.get(from).includes(id)) ? from : [...standing].find(id => tied.get(id).some(end => rest.includes(end)));
    const own = parent === undefined ? rest.slice(0, 1) : rest.filter(id => tied.get(parent).includes(id));
    if (parent === undefined) placeAlone(own[0], standing); else placeAround(parent, own, tied.get(parent).filter(id => standing.has(id)), standing);
    for (const id of own) standing.add(id);
    rest = rest.filter(id => !own.includes(id));
  }
  makeRoom(isNew, near);
}
function placeAlone(id, standing) {
  const right = Math.max(...[...standing].map(one => places.get(one).x));
  const middle = [...standing].reduce((total, one) => total + places.get(one).y, 0) / (standing.size || 1);
  places.set(id, standing.size ? { x: right + 2 * NEAR, y: middle } : { x: 0, y: 0 });
}
/* Rings around the parent, each as full as it may be: all the way round if nothing stands there, or else from the middle of the
   widest gap to both sides. */
function placeAround(parent, own, before, standing) {
  const centre = places.get(parent), full = 2 * Math.PI, others = [...standing].map(id => places.get(id));
  const angles = before.map(id => Math.atan2(places.get(id).y - centre.y, places.get(id).x - centre.x)).sort((a, b) => a - b);
  const gaps = angles.map((angle, at) => [(angles[(at + 1) % angles.length] - angle + full) % full || full, angle]);
  const [widest, angle] = gaps.reduce((best, one) => (one[0] > best[0] ? one : best), [0, -Math.PI / 2]);
  const middle = angle + widest / 2;
  let left = own.length;
  for (let ring = 1; left; ring++) {
    const radius = ring * NEAR, room = Math.floor((full * radius) / 85), many = angles.length ? room : Math.min(room, left);
    for (let n = 0; n < many && left; n++) {
      const turn = middle + (full / many) * Math.ceil(n / 2) * (n % 2 ? 1 : -1) + ring * 0.3;
      const spot = { x: centre.x + Math.cos(turn) * radius * 1.25, y: centre.y + Math.sin(turn) * radius };
      if (others.some(one => gap(one, spot) < 70)) continue;
      places.set(own[own.length - left], spot);
      others.push(spot);
      left--;
    }
  }
}
/* What stood before moves little, so that a reader finds it again; what he has drawn somewhere stays there. */
function makeRoom(isNew, near) {
  const all = ids.map(id => places.get(id)), index = new Map(ids.map((id, at) => [id, at]));
  const ease = ids.map((id, at) => (all[at].isHeld ? 0 : isNew.has(id) ? 1 : 0.12));
  const sizes = ids.map(sizeOf), many = new Map(ids.map(id => [id, 0]));
  for (const edge of near) for (const id of [edge.start, edge.end]) many.set(id, many.get(id) + 1);
  const turns = ids.length > 250 ? 40 : 140;
  for (let turn = 0; turn < turns; turn++) {
    const heat = 1 - turn / turns, shift = all.map(() => [0, 0]);
    for (let a = 0; a < all.length; a++) for (let b = 0; b < a; b++) {
      if (!ease[a] && !ease[b]) continue;
      const x = (all[a].x - all[b].x) * WIDE, y = all[a].y - all[b].y, apart = 85 + sizes[a] + sizes[b];
      if (Math.abs(x) > apart || Math.abs(y) > apart) continue;
      const far = Math.hypot(x, y);
      if (far >= apart) continue;
      const push = ((apart - far) / apart) * 16, [right, down] = far > 0.01 ? [x / far, y / far] : [Math.cos(a), Math.sin(a)];
      shift[a][0] += right * push; shift[a][1] += down * push;
      shift[b][0] -= right * push; shift[b][1] -= down * push;
    }
    for (const edge of near) {
      const a = index.get(edge.start), b = index.get(edge.end), x = (all[b].x - all[a].x) * WIDE, y = all[b].y - all[a].y, far = Math.hypot(x, y);
      if (far <= NEAR) continue;
      const pull = Math.min(14, (far - NEAR) * 0.06) / Math.sqrt(Math.max(many.get(edge.start), many.get(edge.end)));
      shift[a][0] += (x / far) * pull; shift[a][1] += (y / far) * pull;
      shift[b][0] -= (x / far) * pull; shift[b][1] -= (y / far) * pull;
    }
    all.forEach((spot, at) => { spot.x += (shift[at][0] / WIDE) * ease[at] * heat; spot.y += shift[at][1] * ease[at] * heat; });
  }
  for (const spot of all) { spot.x = Math.round(spot.x); spot.y = Math.round(spot.y); }
}

/* ---------------------------------------------------------------- the picture */

const tone = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
let colours = {};
function readColours() {
  const isDark = darkness.matches;
  colours = { ink: tone("ink"), ground: tone("ground"), soft: tone("soft"), link: tone("link"), line: isDark ? "#55616a" : "#b3bcc3", tie: isDark ? "#a3b0ba" : "#5f6b74", index: isDark ? 2 : 1 };
}
readColours();
const styleOf = name => (Object.hasOwn(styles, name) ? styles[name] : ["dot", "#555555", "#bbbbbb"]);
const sizeOf = id => Math.round((node(id).name === "Pledge" ? 10 : 7) + 2 * Math.min(Math.sqrt(node(id).degree), 9));
const fill = name => { const colour = styleOf(name)[colours.index]; return { background: colour, border: colours.ground, highlight: { background: colour, border: colours.ground }, hover: { background: colour, border: colours.ink } }; };
const dots = new vis.DataSet(), lines = new vis.DataSet();
const picture = new vis.Network($("stage"), { nodes: dots, edges: lines }, {
  physics: false, autoResize: true,
  interaction: { hover: true, keyboard: false, zoomView: false, tooltipDelay: 1e9, selectConnectedEdges: false },
  nodes: { borderWidth: 1.5, borderWidthSelected: 1.5 },
  edges: { smooth: false, width: 1, hoverWidth: 0, selectionWidth: 0, arrows: { to: { enabled: true, scaleFactor: 0.5 } } },
});
$("stage").querySelector(".vis-network").tabIndex = -1;
/* The wheel moves the page until the picture is taken in hand. */
for (const [name, zoomView] of [["focusin", true], ["focusout", false]]) $("stage").addEventListener(name, () => picture.setOptions({ interaction: { zoomView } }));

const isNear = edge => edge.start === chosen || edge.end === chosen;
const isMarked = edge => Boolean(marked && marked.edges.has(edge.id));
function toLine(edge, parallel) {
  const pair = [edge.start, edge.end].sort().join("\n"), turn = parallel.get(pair) || 0;
  parallel.set(pair, turn + 1);
  /* Where all is tied to what is chosen, nothing stands out. */
  const isPlain = !isNear(edge) || ties.get(chosen) > 60;
  const colour = isMarked(edge) ? colours.link : isPlain ? colours.line : colours.tie;
  const found = { id: edge.id, from: edge.start, to: edge.end, dashes: edge.inferred ? [5, 4] : false, width: isMarked(edge) ? 3 : isPlain ? 1 : 1.2, color: { color: colour, highlight: colour, hover: colours.tie } };
  const smooth = turn ? { enabled: true, type: turn % 2 === (edge.start < edge.end ? 0 : 1) ? "curvedCW" : "curvedCCW", roundness: 0.12 * Math.ceil(turn / 2) } : { enabled: false, type: "continuous", roundness: 0 };
  return { ...found, smooth };
}
function drawPicture(fresh) {
  const parallel = new Map();
  lines.clear();
  dots.clear();
  dots.add(ids.map(id => ({ id, x: places.get(id).x, y: places.get(id).y, size: drawnSize(id), shape: styleOf(node(id).name)[0], color: fill(node(id).name) })));
  lines.add(shownEdges.map(edge => toLine(edge, parallel)));
  if (fresh.length && !fresh.every(isInView)) see(); else picture.redraw();
}
function isInView(id) {
  const { x, y } = picture.canvasToDOM(places.get(id)), { clientWidth: wide, clientHeight: high } = $("stage");
  return x > 60 && y > 40 && x < wide - 60 && y < high - 40;
}
/* What is seen from afar is never so small that its class cannot be told by its shape. */
let extra = 0;
const drawnSize = id => sizeOf(id) + extra;
function grow(scale) {
  const wanted = Math.min(12, Math.max(0, 6.5 / scale - 9));
  if (Math.abs(wanted - extra) < 0.5) return;
  extra = wanted;
  dots.update(ids.map(id => ({ id, size: drawnSize(id) })));
}
picture.on("zoom", event => grow(event.scale));
function zoom(factor) {
  picture.moveTo({ scale: picture.getScale() * factor, animation: false });
  grow(picture.getScale());
}

/* All of it with room for the names; a few nodes are not blown up. The picture moves gently, or at once for who asked for that. */
function see() {
  if (!ids.length) return;
  picture.setSize("100%", "100%");
  picture.redraw();
  const all = ids.map(id => places.get(id)), { clientWidth: wide, clientHeight: high } = $("stage");
  const [left, right, top, bottom] = ["x", "y"].flatMap(axis => [Math.min(...all.map(spot => spot[axis])), Math.max(...all.map(spot => spot[axis]))]);
  const scale = Math.min(1.35, (wide - Math.min(190, wide * 0.3)) / (right - left || 1), (high - 110) / (bottom - top || 1));
  grow(scale);
  const isAtOnce = motion.matches || !document.documentElement.dataset.ready;
  picture.moveTo({ position: { x: (left + right) / 2, y: (top + bottom) / 2 + 8 / scale }, scale, animation: isAtOnce ? false : { duration: 300, easingFunction: "easeInOutQuad" } });
}

let hovered = null;
picture.on("hoverNode", event => { hovered = event.node; picture.redraw(); });
picture.on("blurNode", () => { hovered = null; picture.redraw(); });
picture.on("click", event => {
  if (event.nodes.length) act(() => choose(event.nodes[0]));
  else if (event.edges.length) act(() => showTie(event.edges[0]));
  else if (chosen) act(() => choose(null));
});
picture.on("dragEnd", event => {
  const now = picture.getPositions(event.nodes);
  for (const id of event.nodes) places.set(id, { x: now[id].x, y: now[id].y, isHeld: true });
});

/* What ties say is written where it can be read: on a path, and around what is chosen or pointed at, unless they are many. */
function namedEdges() {
  const groups = marked ? [shownEdges.filter(isMarked)] : [chosen, hovered].map(id => (id ? tiesOf(id) : []));
  return [...new Set(groups.filter(group => group.length <= 24).flat())].filter(edge => edge.start !== edge.end);
}

/* Whether a line runs through a box: it does if it enters it on both axes before it leaves it on one. */
function crosses([[x1, y1], [x2, y2]], [left, top, right, bottom]) {
  let from = 0, to = 1;
  for (const [at, step, least, most] of [[x1, x2 - x1, left, right], [y1, y2 - y1, top, bottom]]) {
    if (!step && (at < least || at > most)) return false;
    if (!step) continue;
    const [enter, leave] = [(least - at) / step, (most - at) / step].sort((a, b) => a - b);
    [from, to] = [Math.max(from, enter), Math.min(to, leave)];
  }
  return from <= to;
}

const widths = new Map(), LINE = 14.5, LONG = 26;
const cut = word => (word.length > LONG ? word.slice(0, LONG - 1) + "…" : word);
function wrapped(text) {
  const rows = [];
  for (const word of text.slice(0, 90).split(/\s+/)) {
    const longer = rows.length ? `${rows.at(-1)} ${word}` : word;
    if (rows.length && longer.length <= LONG) rows[rows.length - 1] = longer; else rows.push(cut(word));
  }
  return rows.length > 2 || text.length > 90 ? [rows[0], (rows[1] || "").slice(0, LONG - 2) + "…"] : rows;
}

/* Names have one size on the screen, and none covers another; what has most ties in the picture gets its name first. */
picture.on("afterDrawing", ctx => {
  const scale = picture.getScale(), corner = picture.DOMtoCanvas({ x: 0, y: 0 });
  const wide = $("stage").clientWidth, high = $("stage").clientHeight, taken = [], bodies = [];
  const over = (box, others) => others.filter(one => box[0] < one[2] && box[2] > one[0] && box[1] < one[3] && box[3] > one[1]).length;
  const onScreen = id => { const { x, y } = picture.canvasToDOM(picture.getPosition(id)); return [x, y]; };
  const spots = new Map(ids.filter(id => dots.get(id)).map(id => [id, [...onScreen(id), drawnSize(id) * scale]]));
  for (const [x, y, half] of spots.values()) bodies.push([x - half, y - half, x + half, y + half]);
  /* Where ties are few, names keep off them. */
  const segments = shownEdges.length > 150 ? [] : shownEdges.filter(edge => spots.has(edge.start) && spots.has(edge.end)).map(edge => [spots.get(edge.start), spots.get(edge.end)]);
  const write = (rows, around, font, colour, isForced) => {
    ctx.font = font(1);
    const key = rows.join("\n") + ctx.font;
    if (!widths.has(key)) widths.set(key, Math.max(...rows.map(row => ctx.measureText(row).width)));
    const across = widths.get(key) + 4, tall = rows.length * LINE;
    const boxes = around.map(([x, y, side = 0]) => [x + (side * across) / 2 - across / 2, y]).map(([x, y]) => [Math.max(2, Math.min(wide - across - 2, x)), Math.max(2, Math.min(high - tall - 2, y))]).map(([x, y]) => [x, y, x + across, y + tall]);
    const free = boxes.filter(box => !over(box, taken)).map(box => [over(box, bodies), segments.filter(line => crosses(line, box)).length, box]);
    const [best] = free.filter(([bodies]) => isForced || !bodies).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const box = best ? best[2] : isForced ? boxes[0] : null;
    if (!box) return;
    taken.push(box);
    ctx.font = font(1 / scale); ctx.lineWidth = 3.5 / scale; ctx.strokeStyle = colours.ground; ctx.fillStyle = colour;
    rows.forEach((row, at) => {
      const x = corner.x + (box[0] + box[2]) / 2 / scale, y = corner.y + (box[1] + at * LINE) / scale;
      ctx.strokeText(row, x, y); ctx.fillText(row, x, y);
    });
  };
  ctx.save();
  ctx.textAlign = "center"; ctx.textBaseline = "top"; ctx.lineJoin = "round";
  const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = $("nav");
  taken.push([offsetLeft, offsetTop, offsetLeft + offsetWidth, offsetTop + offsetHeight]);
  if (chosen && spots.has(chosen)) {
    const { x, y } = picture.getPosition(chosen);
    ctx.beginPath(); ctx.arc(x, y, drawnSize(chosen) + 5 / scale, 0, 2 * Math.PI);
    ctx.lineWidth = 2 / scale; ctx.strokeStyle = colours.ink; ctx.stroke();
  }
  const onPath = marked ? new Set(shownEdges.filter(isMarked).flatMap(edge => [edge.start, edge.end])) : new Set();
  const ranked = [...spots.keys()].sort((a, b) => ties.get(b) - ties.get(a));
  const order = [...new Set([hovered, chosen, ...ranked.filter(id => onPath.has(id)), ...ranked])].filter(id => spots.has(id));
  for (const id of order) {
    const [x, y, size] = spots.get(id), isFirst = id === hovered || id === chosen;
    if (x < -20 || y < -20 || x > wide + 20 || y > high + 20) continue;
    const rows = wrapped(label(id)), half = size + (id === chosen ? 7 : 3), tall = rows.length * LINE;
    const around = [[x, y + half], [x, y - half - tall], [x + half, y - tall / 2, 1], [x - half, y - tall / 2, -1]];
    write(rows, around, by => `${isFirst ? 600 : 400} ${(isFirst ? 13.5 : 12) * by}px system-ui, sans-serif`, colours.ink, isFirst || onPath.has(id));
  }
  for (const edge of namedEdges()) {
    const [x1, y1] = spots.get(edge.start) || [0, 0], [x2, y2] = spots.get(edge.end) || [0, 0];
    if (Math.hypot(x2 - x1, y2 - y1) < 70) continue;
    write([edge.label], [[(x1 + x2) / 2, (y1 + y2) / 2 - 7]], by => `italic 400 ${11 * by}px system-ui, sans-serif`, isMarked(edge) ? colours.link : colours.soft, false);
  }
  ctx.restore();
});

/* ---------------------------------------------------------------- the list beside it */

const pick = (id, key) => make("button", { type: "button", className: `quiet ${classed(node(id).name)}`, "data-key": key, onclick: () => act(() => choose(id)) }, label(id));
let ties = new Map();

function drawPanel() {
  const panel = $("panel");
  if (!chosen) {
    panel.replaceChildren(make("h2", { tabIndex: -1 }, "Nothing is chosen"), make("p", { className: "soft" }, "Choose a thing in the picture or in the list to see where its ties lead. A dashed tie was concluded by the archivist."));
    return;
  }
  const id = chosen, { name, degree } = node(id);
  panel.replaceChildren(
    make("h2", { className: classed(name), tabIndex: -1 }, label(id)),
    make("p", { className: "soft" }, `${name}, ${tiesOf(id).length.toLocaleString("en")} of ${count(degree, "tie")} in the picture`),
    make("div", { className: "deeds" }, make("a", { href: pagePath(id), "data-key": "page" }, "All that is known of it"), make("button", { type: "button", "data-key": "drop", onclick: () => act(() => drop(id)) }, "Drop it")),
    make("h3", {}, "Where its ties lead"),
    make("ul", { className: "out", id: "out" }),
    pathForm(id),
  );
  drawWays(id, known.ways.get(id));
  if (!known.ways.has(id)) waysOf(id).then(ways => { if (chosen === id) drawWays(id, ways); });
}
function drawWays(id, ways) {
  if (ways === false) return $("out").replaceChildren(make("li", {}, make("a", { href: `${root}/queries/links?entity=${encoded(id)}`, "data-key": "links" }, "Its ties as a list")));
  if (!ways) return $("out").replaceChildren(make("li", { className: "soft" }, ways === null ? make("button", { type: "button", "data-key": "again", onclick: () => act(() => draw()) }, "Could not be read. Try again") : "…"));
  if (!ways.length) return $("out").replaceChildren(make("li", { className: "soft" }, "It has no ties."));
  $("out").replaceChildren(...ways.map(way => {
    const here = reached(id, { ...way, label: straight(way.label) }), isAll = here >= way.nodes;
    const many = isAll ? `all ${way.nodes.toLocaleString("en")}` : here ? `${here.toLocaleString("en")} of ${way.nodes.toLocaleString("en")}, more` : way.nodes.toLocaleString("en");
    const button = make("button", { type: "button", "data-key": keyOf("way", way), onclick: () => act(() => follow(id, way)) }, make("span", {}, straight(way.label)), " ", make("span", { className: "figure" }, many));
    if (isAll) button.setAttribute("aria-disabled", "true");
    return make("li", {}, button);
  }));
}
function pathForm(id) {
  const input = make("input", { id: "to", type: "search", maxLength: 200, autocomplete: "off", placeholder: "another name", "data-key": "to" });
  const form = make("form", { className: "search" }, make("label", { htmlFor: "to" }, "Paths to…"), make("div", { className: "row" }, input, make("button", { "data-key": "find-paths" }, "Find")));
  naming(input, form, (goal, name) => act(() => findPaths(id, goal, name)));
  if (!marked) return form;
  const { first, second } = marked;
  form.append(make("p", { className: "soft" }, pathsTold(), " ", make("a", { href: `${root}/path?from=${encoded(first)}&to=${encoded(second)}`, "data-key": "steps" }, "Step by step, with the proof")));
  return form;
}

function drawThings() {
  const order = [...ids].sort((a, b) => ties.get(b) - ties.get(a) || label(a).localeCompare(label(b), "en", { numeric: true }));
  $("things").tBodies[0].replaceChildren(...order.map(id => make("tr", { className: id === chosen ? "chosen" : "", "data-id": id },
    make("td", {}, pick(id, `thing ${id}`)),
    make("td", {}, node(id).name),
    make("td", { className: "number" }, `${ties.get(id).toLocaleString("en")} of ${node(id).degree.toLocaleString("en")}`),
    make("td", {}, make("button", { type: "button", className: "drop", title: "Drop", "aria-label": `Drop ${label(id)}`, "data-key": `drop ${id}`, onclick: () => act(() => drop(id)) }, "×")))));
}
/* A tie reads from what is chosen, or else along its arrow. */
function drawTies() {
  const order = [...shownEdges].sort((a, b) => isMarked(b) - isMarked(a) || isNear(b) - isNear(a) || a.key - b.key);
  $("ties").replaceChildren(...order.map(edge => {
    const from = edge.end === chosen ? edge.end : edge.start, way = from === edge.start ? edge.label : edge.inverse, to = other(edge, from);
    const text = `${label(from)} ${way} ${label(to)}`;
    const proof = edge.fact ? make("a", { href: pagePath(edge.fact), "aria-label": `Proof: ${text}`, "data-key": `proof ${edge.id}` }, "Proof") : null;
    const words = isSafe(edge.link) ? make("a", { href: edge.link, rel: "noopener noreferrer", "aria-label": `Words on the public page: ${text}`, "data-key": `words ${edge.id}` }, "Words") : null;
    const told = make("div", {}, pick(from, `from ${edge.id}`), " ", make("em", {}, way), edge.inferred ? make("small", {}, " (concluded)") : null, " ", pick(to, `to ${edge.id}`));
    return make("li", { className: isMarked(edge) ? "chosen" : "", "data-id": edge.id }, told, make("span", { className: "proofs-of" }, proof, proof && words ? " · " : "", words));
  }));
}
function show(name) {
  for (const one of ["things", "ties"]) { $(one).hidden = one !== name; $(`show-${one}`).setAttribute("aria-pressed", String(one === name)); }
}
for (const name of ["things", "ties"]) $(`show-${name}`).addEventListener("click", () => show(name));
function showTie(key) {
  const edge = known.edges.get(key);
  show("ties");
  for (const item of $("ties").children) item.classList.toggle("chosen", item.dataset.id === key);
  say(`${label(edge.start)} ${edge.label} ${label(edge.end)}.`);
  const item = [...$("ties").children].find(one => one.dataset.id === key);
  (item.querySelector("a") || item.querySelector("button")).focus();
}

function drawLegend() {
  const counts = new Map();
  for (const id of ids) counts.set(node(id).name, (counts.get(node(id).name) || 0) + 1);
  $("legend").replaceChildren(...[...counts].sort((a, b) => b[1] - a[1]).map(([name, many]) => make("li", { className: classed(name) }, `${name} ${many.toLocaleString("en")}`)));
}

/* ---------------------------------------------------------------- all of it */

/* What had the focus may be drawn anew or be gone; the reader goes on where he was, or at what came into its place. */
function keepFocus(redraw) {
  const held = document.activeElement, key = held.dataset && held.dataset.key, row = held.closest && held.closest("[data-id]");
  const at = row ? [...row.parentElement.children].indexOf(row) : -1, list = row && row.parentElement;
  redraw();
  if (!key || held.isConnected) return;
  const same = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  const next = list && list.children[Math.min(at, list.children.length - 1)];
  const found = same || (next && next.querySelector(key.startsWith("drop") ? ".drop" : "button")) || (ids.length ? $("panel").querySelector("h2") : $("seed"));
  found.focus({ preventScroll: Boolean(same) });
}
function draw(fresh = []) {
  shownEdges = edgesAmong(ids);
  ties = new Map(ids.map(id => [id, tiesOf(id).length]));
  keepFocus(() => {
    $("empty").hidden = $("save").hidden = true;
    $("halves").hidden = !ids.length;
    if (ids.length) $("save").hidden = false; else $("empty").hidden = false;
    $("count").textContent = ids.length ? sum() : "";
    $("undo").disabled = !past.length;
    $("undo").hidden = !past.length && !ids.length;
    $("clear").hidden = !ids.length;
    document.querySelector('label[for="seed"]').textContent = ids.length ? "Add a name" : "Find a name to begin with";
    drawPanel(); drawThings(); drawTies(); drawLegend();
  });
  drawPicture(fresh);
  keepAddress();
}
function keepAddress() {
  const query = seedsOf(ids);
  for (const link of $("save").querySelectorAll("a")) link.href = `${root}/subgraph?${query}&depth=0&format=${link.dataset.format}`;
  const goal = start.to && query ? `&to=${encoded(start.to.id)}` : "";
  history.replaceState(null, "", `${root}/explorer${query && "?" + query}${goal}${chosen ? "#node=" + encoded(chosen) : ""}`);
}

/* ---------------------------------------------------------------- finding a name */

async function nearHere(text) {
  const found = await ask(`/entities.json?q=${encodeURIComponent(text)}&limit=8`);
  if (!found) return null;
  const here = found.results.filter(match => start.classes.includes(match.class));
  if (!here.length) say(`Nothing in the network is called “${straight(text.slice(0, 60))}”.`);
  return here;
}
/* A field in which one names a thing; sending its form takes what is nearest. */
function naming(input, form, take) {
  const takeNearest = combobox(input, nearHere, match => {
    input.value = "";
    take(match.id, straight(match.label || match.id));
  });
  form.addEventListener("submit", event => { event.preventDefault(); takeNearest(); });
}

/* ---------------------------------------------------------------- beginning */

naming($("seed"), $("start"), (id, name) => act(() => addNamed(id, name)));
$("undo").addEventListener("click", () => act(undo));
$("clear").addEventListener("click", () => act(clear));
$("again").addEventListener("click", () => act(restore));
for (const [id, factor] of [["closer", 1.4], ["farther", 1 / 1.4]]) $(id).addEventListener("click", () => zoom(factor));
$("all").addEventListener("click", see);
const KEYS = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] };
$("stage").addEventListener("keydown", event => {
  if (KEYS[event.key]) {
    const { x, y } = picture.getViewPosition(), scale = picture.getScale(), [right, down] = KEYS[event.key];
    picture.moveTo({ position: { x: x + right / scale, y: y + down / scale }, animation: false });
  } else if (event.key === "+" || event.key === "-") $(event.key === "+" ? "closer" : "farther").click();
  else if (event.key === "0") see();
  else if (event.key === "Delete" && chosen) act(() => drop(chosen));
  else return;
  event.preventDefault();
});
darkness.addEventListener("change", () => { readColours(); if (ids.length) draw(); });

/* What could not be read now is still in the address, and can be asked for again. */
async function restore() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("node"), all = waiting;
  $("again").hidden = true;
  if (all.length && !(await add([]))) return offerAgain();
  chosen = ids.includes(wanted) ? wanted : ids.length === 1 ? ids[0] : chosen;
  draw(ids);
  const left = all.filter(id => !ids.includes(id)).length;
  if (left) complain(full(left));
  if (!start.to || !ids.length) return;
  if (!(await findPaths(ids[0], start.to.id, straight(start.to.label)))) return offerAgain();
  start.to = null;
  keepAddress();
}
function offerAgain() { $("again").hidden = false; }
$("plain").hidden = true;
$("app").hidden = false;
act(restore).then(() => { document.documentElement.dataset.ready = "yes"; });

// an index of features: rows that are made as they come into view, a search, and behind each row all that is known of it

const { csvLine, bytesOf } = window.depthscope;
const data = JSON.parse(document.getElementById("data-features").textContent);
const UNSEEN = 255, STEPS = 254, MISSING = -32768;
const LEAST = 0.12; // of the colour, at the weakest activation
const NAMED = 6; // tokens in a row

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const numbers = (text, Kind) => new Kind(bytesOf(text).buffer);
/** Numbers in steps; NaN where one is missing. */
const inSteps = (text, toOne) => Float32Array.from(numbers(text, Int16Array), (n) => (n === MISSING ? NaN : n / toOne));
/** Places in the table of texts. */
const placed = ({ low, high }) => {
  const found = Uint32Array.from(numbers(low, Uint16Array));
  if (high) numbers(high, Uint8Array).forEach((n, i) => { found[i] += n * 65536; });
  return found;
};
const digits = (value, count = 3) => (Number.isFinite(value) ? Number(value.toPrecision(count)).toString() : "");
const percent = (share) => `${100 * share >= 9.95 ? (100 * share).toFixed(0) : digits(100 * share, 2)} %`;

// the numbers

const around = (kept) => ({
  places: kept.places,
  value: numbers(kept.value, Float32Array),
  document: numbers(kept.document, data.documents.length > 65536 ? Uint32Array : Uint16Array),
  place: numbers(kept.place, Uint32Array),
  text: placed(kept),
  lit: numbers(kept.lit, Uint8Array),
});
const dictionaries = data.dictionaries.map((one) => ({
  ...one,
  latent: numbers(one.latent, Uint32Array),
  fires: numbers(one.fires, Uint32Array),
  mean: numbers(one.mean, Float32Array),
  maximum: numbers(one.maximum, Float32Array),
  reach: numbers(one.reach, Float32Array),
  histogram: numbers(one.histogram, Uint16Array),
  top: around(one.top),
  random: around(one.random),
  tokens: { width: one.tokens.width, text: placed(one.tokens), share: inSteps(one.tokens.share, 10000), rate: inSteps(one.tokens.rate, 10000) },
  partners: { width: one.partners.width, latent: numbers(one.partners.latent, Int32Array), jaccard: inSteps(one.partners.jaccard, 10000), pmi: inSteps(one.partners.pmi, 100) },
  near: { width: one.near.width, latent: numbers(one.near.latent, Int32Array), cosine: inSteps(one.near.cosine, 10000) },
  across: one.across.map((near) => ({ name: near.name, latent: numbers(near.latent, Int32Array), cosine: inSteps(near.cosine, 10000) })),
  effect: one.effect && {
    ...one.effect, up: placed(one.effect.up), down: placed(one.effect.down),
    up_by: numbers(one.effect.up_by, Float32Array), down_by: numbers(one.effect.down_by, Float32Array),
  },
  depth: one.depth && {
    ...one.depth, fires: numbers(one.depth.fires, Uint32Array), separation: inSteps(one.depth.separation, 100),
    cse: inSteps(one.depth.cse, 10000), other_cse: inSteps(one.depth.other_cse, 10000), cse_gap: inSteps(one.depth.cse_gap, 1000),
  },
}));
const several = dictionaries.length > 1;
// a feature is a number over all dictionaries
const begins = dictionaries.reduce((all, one) => [...all, all.at(-1) + one.count], [0]);
const total = begins.pop();
const owner = new Uint16Array(total);
dictionaries.forEach((one, d) => owner.fill(d, begins[d], begins[d] + one.count));
/** Which dictionary a feature is of, and which of its latents. */
const at = (feature) => [dictionaries[owner[feature]], feature - begins[owner[feature]]];
const nameOf = (feature) => { const [one, i] = at(feature); return `${several ? `${one.name}, ` : ""}latent ${one.latent[i]}`; };
/** The feature that a latent of a dictionary is; undefined if it is not shown. */
const featureOf = (name, latent) => {
  const d = dictionaries.findIndex((one) => one.name === name);
  if (d < 0) return undefined;
  const i = dictionaries[d].latent.indexOf(latent);
  return i < 0 ? undefined : begins[d] + i;
};
const some = (column, width, i) => column.subarray(i * width, (i + 1) * width);
const meanOf = (values) => {
  const known = values.filter(Number.isFinite);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : NaN;
};

const columns = {
  latent: Float64Array.from({ length: total }, (_, f) => { const [one, i] = at(f); return owner[f] * 2 ** 32 + one.latent[i]; }),
  density: Float64Array.from({ length: total }, (_, f) => { const [one, i] = at(f); return one.fires[i] / one.total; }),
  maximum: Float64Array.from({ length: total }, (_, f) => { const [one, i] = at(f); return one.maximum[i]; }),
  share: Float64Array.from({ length: total }, (_, f) => { const [one, i] = at(f); return one.tokens.share[i * one.tokens.width]; }),
  cosine: Float64Array.from({ length: total }, (_, f) => { const [one, i] = at(f); return one.near.cosine[i * one.near.width]; }),
  gap: Float64Array.from({ length: total }, (_, f) => {
    const [one, i] = at(f);
    return one.depth ? meanOf(some(one.depth.cse_gap, one.depth.states - 1, i)) : NaN;
  }),
};

// which features are shown, and in which order

const scroller = document.getElementById("rows");
const table = document.getElementById("features-table");
const body = document.getElementById("body");
const wanted = document.getElementById("wanted");
const place = document.getElementById("place");
const dictionary = document.getElementById("dictionary");
const order = { by: "latent", sign: 1 };
let shown = [];

const lower = data.texts.map((text) => text.toLowerCase());
/** Texts of the table that hold the words. */
const holding = (words) => {
  const found = new Uint8Array(lower.length);
  lower.forEach((text, i) => { found[i] = i > 0 && text.includes(words) ? 1 : 0; });
  return found;
};
/** How well a feature answers: the share of its firings on such tokens, or whether one is among those it raises. */
const byTokens = (words) => {
  const there = holding(words);
  return (feature) => {
    const [one, i] = at(feature);
    let sum = 0;
    for (let k = i * one.tokens.width; k < (i + 1) * one.tokens.width; k += 1) if (there[one.tokens.text[k]]) sum += one.tokens.share[k];
    return sum;
  };
};
const byRaised = (words) => {
  const there = holding(words);
  return (feature) => {
    const [{ effect }, i] = at(feature);
    if (!effect) return 0;
    for (let k = 0; k < effect.width; k += 1) if (there[effect.up[i * effect.width + k]]) return effect.width - k;
    return 0;
  };
};
let texts = null;
/** All passages of each feature, in small letters; made when they are first searched. */
const passages = () => {
  texts ??= Array.from({ length: total }, (_, feature) => {
    const [one, i] = at(feature);
    return [one.top, one.random].map((kept) => Array.from({ length: kept.places }, (_, k) => {
      const first = (i * kept.places + k) * one.width;
      let text = "";
      for (let c = first; c < first + one.width; c += 1) text += lower[kept.text[c]];
      return text;
    }).join("\n")).join("\n");
  });
  return texts;
};
const byText = (words) => {
  const all = passages();
  return (feature) => (all[feature].includes(words) ? 1 : 0);
};

const choose = () => {
  const words = wanted.value.trim().toLowerCase();
  const only = dictionary?.value ? Number(dictionary.value) : -1;
  let all = Array.from({ length: total }, (_, f) => f);
  if (only >= 0) all = all.filter((f) => owner[f] === only);
  const number = /^#?\d+$/.test(words) ? Number(words.replace("#", "")) : null;
  let score = null;
  if (words) {
    const judge = { tokens: byTokens, raises: byRaised, text: byText }[place.value](words);
    const numbered = (f) => { const [one, i] = at(f); return number !== null && one.latent[i] === number; };
    score = new Float64Array(total);
    all = all.filter((f) => { score[f] = numbered(f) ? Infinity : judge(f); return score[f] > 0; });
  }
  const values = columns[order.by];
  // what is missing comes last in either direction
  const compare = (a, b) => {
    const [x, y] = [values[a], values[b]];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
    return order.sign * (x - y) || a - b;
  };
  // what answers best first, unless another order was asked for
  shown = all.sort(score && !order.asked ? (a, b) => score[b] - score[a] || a - b : compare);
  document.getElementById("found").textContent = `${shown.length.toLocaleString("en")} of ${total.toLocaleString("en")} features`;
  table.setAttribute("aria-rowcount", shown.length + 1);
  table.dataset.wanted = words;
  current = Math.min(current, Math.max(shown.length - 1, 0));
};

// rows: only those in view are in the page

const SPARE = 8;
let height = 36;
let current = 0;
let first = -1;

const chips = (holder, places) => {
  for (const text of places) if (text) holder.append(element("span", "reading", data.texts[text]), " ");
  return holder;
};
const row = (feature, number) => {
  const [one, i] = at(feature);
  const made = element("tr");
  made.setAttribute("aria-rowindex", number + 2);
  made.dataset.number = number;
  const cell = element("td", "number");
  const button = element("button", "open", several ? `${one.name} ${one.latent[i]}` : `${one.latent[i]}`);
  button.type = "button";
  button.tabIndex = number === current ? 0 : -1;
  cell.append(button);
  made.append(cell, chips(element("td", "words-column"), some(one.tokens.text, one.tokens.width, i).subarray(0, NAMED)));
  if (one.effect) made.append(chips(element("td", "words-column"), some(one.effect.up, one.effect.width, i).subarray(0, NAMED)));
  else if (table.querySelectorAll("th.words-column").length > 1) made.append(element("td", "words-column"));
  const fires = one.fires[i];
  const cells = [fires ? percent(columns.density[feature]) : "never", fires ? digits(columns.maximum[feature]) : "",
    Number.isFinite(columns.share[feature]) ? percent(columns.share[feature]) : "",
    Number.isFinite(columns.cosine[feature]) ? columns.cosine[feature].toFixed(2) : ""];
  if (table.querySelector('[data-by="gap"]')) cells.push(Number.isFinite(columns.gap[feature]) ? signed(columns.gap[feature], 2) : "");
  made.append(...cells.map((text) => element("td", "number", text)));
  return made;
};
const signed = (value, places) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(places)}`;
const gapRow = (count) => {
  const made = element("tr", "gap");
  made.setAttribute("aria-hidden", "true");
  const cell = element("td");
  cell.colSpan = table.tHead.rows[0].cells.length;
  cell.style.height = `${count * height}px`;
  made.append(cell);
  return made;
};
const paint = (again = false) => {
  const from = Math.max(0, Math.floor(scroller.scrollTop / height) - SPARE);
  const to = Math.min(shown.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / height) + SPARE);
  if (!again && from === first) return;
  first = from;
  const focused = body.contains(document.activeElement);
  const rows = shown.slice(from, to).map((feature, k) => row(feature, from + k));
  body.replaceChildren(...(from > 0 ? [gapRow(from)] : []), ...rows, ...(to < shown.length ? [gapRow(shown.length - to)] : []));
  if (!shown.length) body.append(nothing());
  if (focused) body.querySelector(`[data-number="${current}"] button`)?.focus({ preventScroll: true });
};
const nothing = () => {
  const made = element("tr");
  const cell = element("td", "told", "No feature answers to this; try the texts around, or fewer letters.");
  cell.colSpan = table.tHead.rows[0].cells.length;
  made.append(cell);
  return made;
};
const renew = () => { choose(); current = 0; scroller.scrollTop = 0; paint(true); };

/** Make a row the current one, and bring it into view. */
const go = (number) => {
  current = Math.min(Math.max(number, 0), shown.length - 1);
  const head = table.tHead.offsetHeight;
  const top = current * height;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + height + head > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + height + head - scroller.clientHeight;
  paint(true);
  body.querySelector(`[data-number="${current}"] button`)?.focus({ preventScroll: true });
};

scroller.addEventListener("scroll", () => paint());
scroller.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("thead")) return;
  const page = Math.max(1, Math.floor(scroller.clientHeight / height) - 2);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (event.key === "Enter" && event.target === scroller && shown.length) open(shown[current]);
  else if (event.key in steps) go(event.target === scroller ? current : current + steps[event.key]);
  else return;
  event.preventDefault();
});
body.addEventListener("click", (event) => {
  const number = event.target.closest("tr[data-number]")?.dataset.number;
  if (number === undefined) return;
  current = Number(number);
  for (const button of body.querySelectorAll("button")) button.tabIndex = button.closest("tr").dataset.number === number ? 0 : -1;
  open(shown[current]);
});
for (const button of table.tHead.querySelectorAll("button")) {
  button.addEventListener("click", () => {
    const by = button.dataset.by;
    // numbers from the largest down first, names from the first on
    order.sign = order.by === by && order.asked ? -order.sign : by === "latent" ? 1 : -1;
    order.by = by;
    order.asked = true;
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    button.closest("th").setAttribute("aria-sort", order.sign > 0 ? "ascending" : "descending");
    renew();
  });
}
let timer = 0;
wanted.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    // a search puts what answers best first, until a column is asked for
    order.asked = false;
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    renew();
  }, 120);
});
place.addEventListener("change", renew);
dictionary?.addEventListener("change", renew);
document.getElementById("finder").addEventListener("submit", (event) => { event.preventDefault(); if (shown.length) go(0); });

// charts: a few lines of SVG, in the colours of the page

const SVG = "http://www.w3.org/2000/svg";
const drawn = (tag, attributes, text) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
};
const WIDE = 340, HIGH = 150, LEFT = 44, BELOW = 34, ABOVE = 8, RIGHT = 8;
/** Axes with a few numbers; `x` and `y` are what maps values to places. */
const frame = (about, [x0, x1], [y0, y1], xs, ys, xTitle, yTitle) => {
  const svg = drawn("svg", { viewBox: `0 0 ${WIDE} ${HIGH + BELOW}`, role: "img", "aria-label": about, class: "small-chart" });
  const x = (v) => LEFT + (v - x0) / (x1 - x0 || 1) * (WIDE - LEFT - RIGHT);
  const y = (v) => ABOVE + (1 - (v - y0) / (y1 - y0 || 1)) * (HIGH - ABOVE);
  for (const [v, text] of ys) {
    svg.append(drawn("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(v), y2: y(v), class: "grid" }));
    svg.append(drawn("text", { x: LEFT - 5, y: y(v) + 3.5, class: "end" }, text));
  }
  for (const [v, text] of xs) svg.append(drawn("text", { x: x(v), y: HIGH + 13, class: "middle" }, text));
  svg.append(drawn("text", { x: (LEFT + WIDE - RIGHT) / 2, y: HIGH + BELOW - 4, class: "middle title" }, xTitle));
  svg.append(drawn("text", { x: -(HIGH + ABOVE) / 2, y: 10, transform: "rotate(-90)", class: "middle title" }, yTitle));
  return { svg, x, y };
};
/** Three to five round numbers between two. */
const ticks = (low, high) => {
  const raw = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((one) => one >= raw);
  const found = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) found.push([v, digits(Math.abs(v) < step * 1e-6 ? 0 : v)]);
  return found;
};
const histogram = (one, i) => {
  const shares = some(one.histogram, one.bins, i);
  const there = [...shares.keys()].filter((k) => shares[k]);
  const [from, to] = [there[0], there.at(-1) + 1];
  const counts = Array.from(shares.subarray(from, to), (n) => Math.round(n / 65535 * one.fires[i]));
  const edge = (k) => data.edges[one.first + k];
  const most = Math.max(...counts);
  const peak = from + counts.indexOf(most);
  const about = `Histogram of activations on ${one.fires[i].toLocaleString("en")} tokens, from ${digits(edge(from))} to ${digits(edge(to))}; ` +
    `most between ${digits(edge(peak))} and ${digits(edge(peak + 1))}`;
  const each = Math.max(1, Math.ceil((to - from) / 5));
  const xs = [];
  for (let k = from; k <= to; k += each) xs.push([k, digits(edge(k), 2)]);
  const { svg, x, y } = frame(about, [from, to], [0, most], xs, ticks(0, most).filter(([v]) => Number.isInteger(v)), "activation (logarithmic)", "tokens");
  counts.forEach((count, k) => {
    if (count) svg.append(drawn("rect", { x: x(from + k) + 0.5, width: Math.max(x(1) - x(0) - 1, 1), y: y(count), height: Math.max(y(0) - y(count), 0.5), class: "bar" }));
  });
  return svg;
};
const lines = (about, firstLayer, series, own, yTitle, around0) => {
  const values = series.flatMap(({ values }) => [...values].filter(Number.isFinite));
  let [low, high] = [Math.min(...values, ...(around0 ? [0] : [])), Math.max(...values, ...(around0 ? [0] : []))];
  if (high === low) { high += 0.5; low -= 0.5; }
  const count = series[0].values.length;
  const each = Math.max(1, Math.round((count - 1) / 5));
  const xs = [];
  for (let k = firstLayer; k < firstLayer + count; k += each) xs.push([k, k]);
  const { svg, x, y } = frame(about, [firstLayer, firstLayer + count - 1], [low, high], xs, ticks(low, high), "layer", yTitle);
  svg.append(drawn("line", { x1: x(own), x2: x(own), y1: ABOVE, y2: HIGH, class: "own" }));
  for (const { values, kind } of series) {
    let path = "", pen = "M";
    values.forEach((v, k) => {
      if (!Number.isFinite(v)) { pen = "M"; return; }
      path += `${pen}${x(firstLayer + k).toFixed(1)},${y(v).toFixed(1)}`;
      pen = "L";
    });
    svg.append(drawn("path", { d: path, class: `line ${kind}` }));
  }
  return svg;
};

// one feature

const dialog = document.getElementById("feature");
const inside = document.getElementById("feature-body");
let opened = -1;

const passage = (one, kept, i, k) => {
  const index = i * kept.places + k;
  const made = element("li");
  const words = element("p", "words");
  words.dir = "auto";
  for (let c = 0; c < one.width; c += 1) {
    const at = index * one.width + c;
    const text = data.texts[kept.text[at]];
    const lit = kept.lit[at];
    if (!text) continue;
    if (lit === 0) { words.append(text); continue; }
    const span = element("span", lit === UNSEEN ? "unseen" : "lit", text);
    if (lit !== UNSEEN) {
      span.style.setProperty("--ink", (LEAST + (1 - LEAST) * lit / STEPS).toFixed(3));
      // beyond the reach of the colours only the token that the passage is shown for is known
      const known = c === one.before ? kept.value[index] : lit / STEPS * one.reach[i];
      span.title = digits(known) + (lit === STEPS && c !== one.before ? " or more" : "");
      if (c === one.before) span.classList.add("peak");
    }
    words.append(span);
  }
  made.append(element("span", "value", digits(kept.value[index])), words,
    element("span", "from", `${data.documents[kept.document[index]]}, token ${kept.place[index].toLocaleString("en")}`));
  return made;
};
const passages_of = (title, about, one, kept, i) => {
  const held = Array.from({ length: kept.places }, (_, k) => k).filter((k) => kept.value[i * kept.places + k] > 0);
  if (!held.length) return [];
  const list = element("ol", "contexts");
  list.setAttribute("aria-label", title);
  list.append(...held.map((k) => passage(one, kept, i, k)));
  return [element("h4", "lists-head", title), element("p", "told", about), list];
};
const ramp = (one, i) => {
  const made = element("p", "ramp lit-ramp");
  const bar = element("i");
  bar.setAttribute("aria-hidden", "true");
  made.append(element("span", "", "0"), bar, element("span", "", digits(one.reach[i]) + (one.reach[i] < one.maximum[i] ? " and more" : "")),
    " activation on each token; underlined: the token that a passage is shown for; grey: not measured");
  return made;
};
/** A short list with bars: rows of [label, share, told, kind]; a label is a text, or what it opens. */
const bars = (title, head, measure, rows) => {
  if (!rows.length) return [];
  const made = element("table", "bars");
  made.append(element("caption", "", title));
  const heads = element("tr");
  const second = element("th", "plain", measure);
  second.colSpan = 2;
  heads.append(element("th", "plain", head), second);
  for (const one of heads.cells) one.scope = "col";
  const top = element("thead");
  top.append(heads);
  const rest = element("tbody");
  for (const [label, share, told, kind] of rows) {
    const line = element("tr");
    const name = element("td");
    name.append(label);
    const bar = element("td", `length ${kind ?? ""}`);
    const inner = element("i");
    inner.style.setProperty("--share", Math.max(0, Math.min(share, 1)).toFixed(3));
    bar.append(inner);
    line.append(name, bar, element("td", "number", told));
    rest.append(line);
  }
  made.append(top, rest);
  return [made];
};
const chip = (text) => element("span", "reading", data.texts[text]);
const link = (name, latent) => {
  const feature = featureOf(name, latent);
  const label = `latent ${latent}`;
  if (feature === undefined) return label;
  const made = element("button", "open", label);
  made.type = "button";
  made.addEventListener("click", () => { open(feature); document.getElementById("feature-name").focus(); });
  return made;
};
const each = (column, width, i, make) => {
  const found = [];
  for (let k = i * width; k < (i + 1) * width; k += 1) { const one = make(k); if (one) found.push(one); }
  return found;
};
const chart = (title, svg, key) => {
  const made = element("figure", "small-figure");
  made.append(element("h4", "", title), svg);
  if (key) made.append(element("p", "told", key));
  return made;
};

const lists = (one, i) => {
  const found = element("div", "lists");
  const { tokens, effect, near, partners } = one;
  found.append(...bars("Fires on", "token", "of its firings (of the token)", each(tokens, tokens.width, i, (k) =>
    tokens.text[k] && [chip(tokens.text[k]), tokens.share[k], `${percent(tokens.share[k])} (${percent(tokens.rate[k])})`])));
  if (effect) {
    const most = Math.max(...some(effect.up_by, effect.width, i), ...some(effect.down_by, effect.width, i).map((v) => -v)) || 1;
    for (const [title, side, by, kind] of [["Raises", effect.up, effect.up_by, ""], ["Lowers", effect.down, effect.down_by, "down"]]) {
      found.append(...bars(title, "token", "logits", each(side, effect.width, i, (k) =>
        side[k] && [chip(side[k]), Math.abs(by[k]) / most, `${by[k] < 0 ? "−" : "+"}${digits(Math.abs(by[k]))}`, kind])));
    }
  }
  found.append(...bars("Nearest directions", "latent", "cosine", each(near, near.width, i, (k) =>
    near.latent[k] >= 0 && [link(one.name, near.latent[k]), near.cosine[k], near.cosine[k].toFixed(3)])));
  found.append(...bars("Fires together with", "latent", "Jaccard (times chance)", each(partners, partners.width, i, (k) =>
    partners.latent[k] >= 0 && [link(one.name, partners.latent[k]), partners.jaccard[k],
      `${partners.jaccard[k].toFixed(3)} (${digits(2 ** partners.pmi[k], 2)})`])));
  found.append(...bars("Nearest elsewhere", "dictionary", "cosine", one.across.filter((other) => other.latent[i] >= 0).map((other) => {
    const label = element("span");
    label.append(`${other.name}, `, link(other.name, other.latent[i]));
    return [label, other.cosine[i], other.cosine[i].toFixed(3)];
  })));
  return found;
};
const charts = (one, i) => {
  const found = element("div", "lists");
  if (one.fires[i]) found.append(chart("How strongly", histogram(one, i)));
  const { depth } = one;
  if (!depth) return found;
  const carried = some(depth.separation, depth.states, i);
  if (carried.some(Number.isFinite)) {
    const best = carried.reduce((b, v, k) => (v > carried[b] || Number.isNaN(carried[b]) ? k : b), 0);
    found.append(chart("Where its direction is carried", lines(
      `Projection of the stream on its direction, tokens it fires on less others, in standard deviations, states 0 to ${depth.states - 1}; most at layer ${best}, ${digits(carried[best], 2)}`,
      0, [{ values: carried, kind: "mine" }], one.layer, "standard deviations", true),
    `${depth.fires[i].toLocaleString("en")} of ${depth.total.toLocaleString("en")} tokens; dashed: its own layer`));
  }
  const [own, other] = [depth.cse, depth.other_cse].map((column) => some(column, depth.states - 1, i));
  if (own.some(Number.isFinite)) {
    const gap = columns.gap[begins[dictionaries.indexOf(one)] + i];
    found.append(chart("CSE of its tokens", lines(
      `Mean CSE by layer of tokens it fires on, ${digits(meanOf(own))} on average, and of others, ${digits(meanOf(other))}`,
      1, [{ values: other, kind: "theirs" }, { values: own, kind: "mine" }], one.layer, "CSE", false),
    `dark: tokens it fires on; grey: others; ${signed(gap, 2)} standard deviations, mean over layers`));
  }
  return found;
};

const open = (feature) => {
  opened = feature;
  const [one, i] = at(feature);
  document.getElementById("feature-name").textContent = nameOf(feature);
  const fires = one.fires[i];
  const about = element("p", "", fires ?
    `Fires on ${percent(fires / one.total)} of ${one.total.toLocaleString("en")} tokens, with ${digits(one.mean[i])} on average and ${digits(one.maximum[i])} at most.` :
    `Fires on none of ${one.total.toLocaleString("en")} tokens.`);
  const sheet = element("div", "sheet"), left = element("div"), right = element("div");
  if (fires) left.append(ramp(one, i), ...passages_of("Top", data.said.top, one, one.top, i), ...passages_of("Random", data.said.random, one, one.random, i));
  right.append(lists(one, i), charts(one, i));
  const more = element("details");
  more.append(element("summary", "", "How to read this"), ...(one.effect ? [element("p", "", data.said.effect.replace("{states}", one.effect.states))] : []),
    ...(one.depth ? [element("p", "", data.said.depth)] : []));
  if (fires && more.childElementCount > 1) right.append(more);
  sheet.append(left, right);
  inside.replaceChildren(about, sheet);
  const number = shown.indexOf(feature);
  for (const [id, next] of [["feature-before", number - 1], ["feature-after", number + 1]]) {
    const button = document.getElementById(id);
    button.disabled = number < 0 || next < 0 || next >= shown.length;
    button.onclick = () => open(shown[next]);
  }
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  history.replaceState(null, "", `#${encodeURIComponent(one.name)}/${one.latent[i]}`);
};
document.getElementById("feature-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  const button = { ArrowLeft: "feature-before", ArrowRight: "feature-after" }[event.key];
  if (button && !event.ctrlKey && !event.metaKey && !event.altKey) document.getElementById(button).click();
});
dialog.addEventListener("close", () => {
  history.replaceState(null, "", location.href.split("#")[0]);
  const number = shown.indexOf(opened);
  go(number < 0 ? current : number);
});
/** What the address names: `#layer-15/1234`. */
const follow = () => {
  const [name, latent] = location.hash.slice(1).split("/");
  let known = name;
  try { known = decodeURIComponent(name); } catch { /* then there is no such name */ }
  const feature = latent === undefined ? undefined : featureOf(known, Number(latent));
  if (feature !== undefined) open(feature);
};
addEventListener("hashchange", follow);

// the numbers of the table, made when they are asked for

const asCsv = () => {
  const rows = shown.map((feature) => {
    const [one, i] = at(feature);
    const names = Array.from(some(one.tokens.text, one.tokens.width, i)).filter(Boolean).map((k) => data.texts[k]).join(" | ");
    return [one.name, one.latent[i], one.fires[i], ...["density", "maximum", "share", "cosine", "gap"].map((name) =>
      (Number.isFinite(columns[name][feature]) ? Number(columns[name][feature].toPrecision(7)) : "")), names];
  });
  const head = ["dictionary", "latent", "count", "density", "maximum", "share", "cosine", "cse_gap", "tokens"];
  return `${[head, ...rows].map(csvLine).join("\n")}\n`;
};
const file = element("a", "", "features.csv");
file.href = "#";
file.download = "features.csv";
file.addEventListener("click", () => {
  if (file.href.startsWith("blob:")) URL.revokeObjectURL(file.href);
  file.href = URL.createObjectURL(new Blob([asCsv()], { type: "text/csv" }));
});
document.getElementById("files").append(" ", file, " (those shown, in their order)");

choose();
paint(true);
// what a row needs, as it is laid out here
const sample = body.querySelector("tr[data-number]");
if (sample) height = sample.getBoundingClientRect().height;
paint(true);
new ResizeObserver(() => paint(true)).observe(scroller);
follow();

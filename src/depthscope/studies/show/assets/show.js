// a text as a strip of tokens, coloured by CSE; heat maps of tokens and layers; behind every token what was measured of it

const { drawChart, drawScalogram, reachOf, csvLine, bytesOf } = window.depthscope;
const data = JSON.parse(document.getElementById("data-reading").textContent);
const dialog = document.getElementById("token");
const body = document.getElementById("token-body");
const slider = document.getElementById("layer");
const { layers, measured, plane, ranks, names } = data;
const two = data.texts.length > 1;

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

const numbers = (text, Kind) => new Kind(bytesOf(text).buffer);
const texts = data.texts.map((text) => ({
  ...text,
  count: text.pieces.length,
  cse: numbers(text.cse, Float32Array),
  norm: numbers(text.norm, Float32Array),
  share: numbers(text.share, plane.levels > 255 ? Uint16Array : Uint8Array),
  lens: text.lens && {
    word: numbers(text.lens.word, data.words.length > 65535 ? Uint32Array : Uint16Array),
    probability: Array.from(numbers(text.lens.probability, Uint16Array), (n) => Number((n / 65535).toFixed(5))),
    entropy: numbers(text.lens.entropy, Float32Array),
  },
}));
// of each text, token by token, its twin in the other
const twins = texts.map((text) => new Array(text.count).fill(null));
// and whether the difference to it counts
const paired = texts.map((text) => new Array(text.count).fill(0));
data.pairs.forEach(([i, j], k) => {
  twins[0][i] = j; twins[1][j] = i;
  paired[0][i] = paired[1][j] = data.counted[k];
});

// what is looked at: one layer or, as -1, the mean over all; CSE or the difference to the twin
const view = { layer: -1, difference: false };
let current = { text: 0, token: 0 };
let opened = current;

const cseOf = (t, i, l) => {
  if (l < 0) return texts[t].mean[i] ?? NaN;
  return texts[t].cse[i * measured.length + l];
};
// always the first text minus the second, whichever of the two is asked
const gapOf = (t, i, l) => {
  const twin = twins[t][i];
  if (twin === null) return NaN;
  return t === 0 ? cseOf(0, i, l) - cseOf(1, twin, l) : cseOf(0, twin, l) - cseOf(1, i, l);
};
const valueOf = (t, i) => (view.difference ? gapOf : cseOf)(t, i, view.layer);
const told = (value, signed = false) => {
  if (!Number.isFinite(value)) return "not measured";
  return (signed && value >= 0 ? "+" : "") + value.toFixed(data.digits);
};
const toldValue = (t, i) => {
  if (view.difference && twins[t][i] === null) return "not aligned";
  return `${view.difference ? "difference" : "CSE"} ${told(valueOf(t, i), view.difference)}`;
};

// colours

const RAMPS = {
  light: ["#f1f5fa", "#c9dcf0", "#8fb8de", "#4a86c3", "#175695", "#08305c"],
  dark: ["#1d252e", "#1f3f60", "#2a649b", "#4a92d1", "#8ec2ef", "#d9ecff"],
};
const AROUND = {
  light: ["#0b4f8c", "#7fb2dd", "#f1f1f1", "#efa77c", "#a8430a"],
  dark: ["#93ccff", "#336fa4", "#262c33", "#a65c2b", "#ffb684"],
};
const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");
const stops = () => (view.difference ? AROUND : RAMPS)[theme()];
const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const mixed = (ramp, share) => {
  const at = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
  const from = Math.min(Math.floor(at), ramp.length - 2);
  const [a, b] = [parts(ramp[from]), parts(ramp[from + 1])];
  return a.map((value, k) => Math.round(value + (b[k] - value) * (at - from)));
};
const brightness = (colour) => {
  const [r, g, b] = colour.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const inkOn = (colour) => (brightness(colour) > 0.179 ? "#000000" : "#ffffff");

const quantile = (values, share) => values[Math.min(values.length - 1, Math.round(share * (values.length - 1)))];
const spanOf = (values, around) => {
  const known = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!known.length) return [0, 1];
  // few extreme values must not make all the others look alike
  const [low, high] = [quantile(known, 0.01), quantile(known, 0.99)];
  if (around) { const reach = Math.max(Math.abs(low), Math.abs(high)) || 1; return [-reach, reach]; }
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
};
/** Whether the colours reach over what is shown of a token. */
const counts = (t, i, difference) => (difference ? paired[t] : texts[t].counted)[i];
const counting = (t) => [...texts[t].pieces.keys()].filter((i) => counts(t, i, view.difference));
/** "1 token", "2 tokens". */
const some = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// the strips

/** What stands for a token where blank space and line ends would not be seen. */
const said = (piece) => {
  if (/^ +$/.test(piece)) return piece.length === 1 ? "space" : `${piece.length} spaces`;
  if (/^[\p{C}\s]+(⟨|$)/u.test(piece) && !/^\s+$/.test(piece)) {
    return piece.replace(/[\p{C}\s]/gu, (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")} `).trim();
  }
  // the two that join signs are kept: emoji and letters hold them
  return piece.trim().replaceAll("\n", "↵").replaceAll("\t", "→").replaceAll("\r", "")
    .replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}]/gu, (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`) || "line end";
};

const strips = document.getElementById("strips");
const buttons = texts.map((text, t) => {
  const holder = element("div", "strip-of");
  if (two) holder.append(element("h3", "", names[t]));
  const strip = element("div", "strip");
  strip.setAttribute("role", "group");
  strip.setAttribute("aria-label", `Tokens of the ${names[t]}`);
  // each line has its own direction
  let line = null;
  const begin = () => { line = element("div"); line.dir = "auto"; strip.append(line); };
  begin();
  const made = text.pieces.map((piece, i) => {
    line.append(text.before[i]);
    const button = element("button", "token");
    // part k of n of one character
    const [, own, part] = piece.match(/^(.*?)(⟨\d+\/\d+⟩)?$/s);
    button.append(own.replaceAll(/\r?\n/g, "↵"), ...(part ? [element("small", "", part)] : []));
    button.type = "button";
    button.tabIndex = -1;
    if (text.special[i]) button.classList.add("special");
    button.addEventListener("focus", () => choose(t, i));
    button.addEventListener("mouseenter", () => tell(t, i));
    button.addEventListener("mouseleave", () => tell(current.text, current.token));
    button.addEventListener("click", () => { choose(t, i); open(t, i); });
    line.append(button);
    for (let k = (piece.match(/\n/g) ?? []).length; k > 0; k -= 1) begin();
    return button;
  });
  line.append(text.before[text.count]);
  strip.addEventListener("keydown", (event) => walk(event, t));
  holder.append(strip);
  strips.append(holder);
  return made;
});

const walk = (event, t) => {
  const last = texts[t].count - 1;
  const rightToLeft = getComputedStyle(event.target).direction === "rtl" ? -1 : 1;
  const step = { ArrowRight: rightToLeft, ArrowLeft: -rightToLeft, ArrowDown: 10, ArrowUp: -10 }[event.key];
  const target = { Home: 0, End: last }[event.key] ??
    (step === undefined ? null : Math.min(Math.max(current.token + step, 0), last));
  if (target === null || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  buttons[t][target].focus();
};

const choose = (t, i) => {
  for (const row of buttons) for (const button of row) if (button.matches(".chosen, .twin")) button.classList.remove("chosen", "twin");
  buttons[current.text][current.token].tabIndex = -1;
  current = { text: t, token: i };
  buttons[t][i].tabIndex = 0;
  buttons[t][i].classList.add("chosen");
  if (twins[t][i] !== null) buttons[1 - t][twins[t][i]].classList.add("twin");
  tell(t, i);
};

const tell = (t, i) => {
  const bits = texts[t].surprisal[i];
  document.getElementById("told-token").textContent = [
    `${two ? `${names[t]}, ` : ""}token ${i} of ${texts[t].count} (${said(texts[t].pieces[i])}): ${toldValue(t, i)}`,
    ...(bits === null ? [] : [`${bits.toFixed(2)} bits of surprisal`]),
    ...(two && twins[t][i] !== null ? [`aligned with token ${twins[t][i]} of the ${names[1 - t]}`] : []),
  ].join("; ");
};

const paint = () => {
  const shown = texts.flatMap((_, t) => counting(t).map((i) => valueOf(t, i)));
  const [low, high] = spanOf(shown, view.difference);
  const ramp = stops();
  texts.forEach((text, t) => buttons[t].forEach((button, i) => {
    const value = valueOf(t, i);
    const known = Number.isFinite(value);
    const colour = known ? mixed(ramp, (value - low) / (high - low)) : null;
    button.style.backgroundColor = known ? `rgb(${colour})` : "";
    button.style.color = known ? inkOn(colour) : "";
    button.classList.toggle("alone", two && twins[t][i] === null);
    button.setAttribute("aria-label", `${said(text.pieces[i])}, ${toldValue(t, i)}`);
  }));
  const [left, right] = document.querySelectorAll("#ramp span");
  left.textContent = told(low, view.difference);
  right.textContent = told(high, view.difference);
  document.querySelector("#ramp i").style.background = `linear-gradient(to right, ${ramp.join(", ")})`;
  document.getElementById("layer-name").textContent =
    view.layer < 0 ? "mean over layers" : `layer ${measured[view.layer]}`;
  tell(current.text, current.token);
};

// layers at which nothing is measured have nothing to show
const known = measured.map((_, l) => l).filter((l) => texts.some((text, t) => Number.isFinite(cseOf(t, 0, l))));
slider.max = known.length;
slider.addEventListener("input", () => { view.layer = slider.value === "0" ? -1 : known[slider.value - 1]; paint(); });
for (const choice of document.querySelectorAll('input[name="colour"]')) {
  choice.addEventListener("change", () => { view.difference = choice.value === "difference"; paint(); });
}

// the heat maps

const TALL = 60; // so many tokens have their names beside them
const heightOf = (count) => (count <= TALL ? 16 : count <= 250 ? 6 : count <= 600 ? 3 : 2);

const drawMap = (place, about, rows, valueAt, nameOf, tokenOf, t, difference) => {
  const cells = rows.flatMap((row, r) => measured.map((layer, l) => ({
    row: r, token: tokenOf(row), piece: said(nameOf(row)), layer, value: valueAt(row, l),
    from: layer - 0.5, to: layer + 0.5, top: r - 0.5, bottom: r + 0.5,
  })).filter((cell) => Number.isFinite(cell.value)));
  const named = rows.length <= TALL;
  const fill = (spec) => {
    const kept = view.difference;
    view.difference = difference;
    const ramp = stops();
    view.difference = kept;
    const [low, high] = spanOf(cells.filter((cell) => counts(t, cell.token, difference)).map((cell) => cell.value), difference);
    // whole pixels, or there would be seams between the cells
    const beside = named ? 130 : 55;
    const wide = Math.min(18, Math.max(5, Math.floor((place.parentElement.clientWidth - beside) / measured.length)));
    spec.width = wide * measured.length;
    spec.height = heightOf(rows.length) * rows.length;
    spec.description = about;
    spec.datasets = { cells };
    const { x, y, color } = spec.encoding;
    x.scale.domain = [measured[0] - 0.5, measured.at(-1) + 0.5];
    y.scale.domain = [-0.5, rows.length - 0.5];
    color.scale.domain = ramp.map((_, k) => low + (high - low) * k / (ramp.length - 1));
    color.scale.range = ramp;
    color.title = difference ? "CSE, first minus second" : "CSE";
    if (named) {
      spec.params[0].value = rows.map((row) => said(nameOf(row)));
      Object.assign(y.axis, { values: rows.map((_, r) => r), labelExpr: "names[datum.value]", labelLimit: 110,
        labelOverlap: false, ticks: false });
    } else y.title = difference ? "aligned pair" : "token";
  };
  const ready = (drawing) => drawing.addEventListener("click", (_, item) => {
    if (item?.datum?.token !== undefined) { choose(t, item.datum.token); open(t, item.datum.token); }
  });
  return drawChart(place, "tokens", fill, { renderer: "canvas", ready });
};

const maps = document.getElementById("maps");
const mapOf = (title) => {
  const holder = element("figure", "map");
  const scroll = element("div", "map-scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", title);
  const place = element("div");
  scroll.append(place);
  holder.append(element("h3", "", title), scroll);
  maps.append(holder);
  return place;
};
const drawings = texts.map((text, t) => {
  const place = mapOf(two ? `CSE, ${names[t]}` : "CSE");
  return () => drawMap(place, `CSE of ${some(text.count, "token")} of the ${names[t]} at ${some(measured.length, "layer")}; the numbers are in cse.csv`,
    [...text.pieces.keys()], (i, l) => cseOf(t, i, l), (i) => text.pieces[i], (i) => i, t, false);
});
if (two && data.pairs.length) {
  const place = mapOf("CSE of aligned tokens, first text minus second");
  drawings.push(() => drawMap(place, `Difference in CSE of ${some(data.pairs.length, "aligned token")}; the numbers are in difference.csv`,
    data.pairs, (pair, l) => gapOf(0, pair[0], l), (pair) => texts[0].pieces[pair[0]], (pair) => pair[0], 0, true));
}

// one token

/** A character of several tokens once. */
const once = (piece) => {
  const found = piece.match(/^(.*)⟨(\d+)\/\d+⟩$/s);
  return found ? (found[2] === "1" ? found[1] : "") : piece;
};

const around = (t, i) => {
  const words = element("p", "words");
  words.dir = "auto";
  const text = (from, to) => texts[t].pieces.slice(from, to).map((piece, k) => texts[t].before[from + k] + once(piece)).join("");
  words.append(i > 12 ? "… " : "", text(Math.max(0, i - 12), i), texts[t].before[i],
    element("mark", "", texts[t].pieces[i].replaceAll("\n", "↵")), text(i + 1, i + 13), i + 13 < texts[t].count ? " …" : "");
  return words;
};

const aboutToken = (t, i) => {
  const box = element("div", "stimulus");
  if (two) box.append(element("h4", "", `${names[t]}, token ${i}`));
  box.append(around(t, i));
  const bits = texts[t].surprisal[i];
  box.append(element("p", "told", [
    `token ${i} of ${texts[t].count}`, `mean CSE ${told(texts[t].mean[i] ?? NaN)}`,
    ...(bits === null ? ["surprisal not known"] : [`${bits.toFixed(2)} bits of surprisal`]),
    ...(texts[t].special[i] ? ["added by the tokenizer"] : []),
  ].join("; ")));
  return box;
};

const curve = (title, about, shown, value, change) => {
  const place = element("div");
  body.append(element("h4", "", title), place);
  const points = shown.flatMap(([t, i, series]) => value(t, i).map(([layer, number]) => ({ layer, value: number, series })))
    .filter((point) => Number.isFinite(point.value));
  drawChart(place, "curve", (spec) => {
    spec.description = about;
    spec.datasets = { points, window: [] };
    spec.layer.shift();
    if (shown.length === 1) {
      spec.layer[0].encoding.color.legend = null;
      delete spec.layer[0].encoding.strokeDash;
    }
    change?.(spec.layer[0].encoding);
  });
};

const visible = (word) => word.replaceAll("\n", "↵").replaceAll("\t", "→").replace(/^ /, "␣");

const lensTable = (t, i) => {
  const { word, probability, entropy } = texts[t].lens;
  const holder = element("div", "scroll");
  holder.tabIndex = 0;
  holder.setAttribute("role", "region");
  holder.setAttribute("aria-label", `Logit lens of token ${i}${two ? `, ${names[t]}` : ""}`);
  const table = element("table", "lens");
  table.append(element("caption", "", `${two ? `${names[t]}: ` : ""}likeliest next tokens after each layer, with their probabilities`));
  const head = element("tr");
  for (const name of ["layer", "entropy (bits)", ...Array.from({ length: ranks }, (_, k) => `${k + 1}.`)]) {
    const cell = element("th", "plain", name);
    cell.scope = "col";
    head.append(cell);
  }
  const top = element("thead");
  top.append(head);
  const rows = element("tbody");
  // what the text goes on with, as it would stand in the list
  const next = texts[t].pieces[i + 1];
  layers.forEach((layer, l) => {
    const row = element("tr");
    const at = i * layers.length + l;
    const first = element("th", "plain", String(layer));
    first.scope = "row";
    row.append(first, element("td", "number", entropy[at].toFixed(2)));
    for (let k = 0; k < ranks; k += 1) {
      const cell = element("td");
      const reading = data.words[word[at * ranks + k]];
      const code = element("bdi", reading === next ? "reading next" : "reading", visible(reading));
      const chance = probability[at * ranks + k];
      cell.append(code, element("span", "chance", chance < 0.0005 ? "<.001" : chance.toFixed(3).replace(/^0/, "")));
      row.append(cell);
    }
    rows.append(row);
  });
  table.append(top, rows);
  holder.append(table);
  return holder;
};

const planeOf = (t, i) => {
  const size = plane.periods.length * plane.layers.length;
  return texts[t].share.subarray(i * size, (i + 1) * size);
};

const open = (t, i) => {
  opened = { text: t, token: i };
  const twin = twins[t][i];
  const shown = [[t, i, names[t]], ...(two && twin !== null ? [[1 - t, twin, names[1 - t]]] : [])]
    .sort((a, b) => a[0] - b[0]);
  document.getElementById("token-name").textContent = said(texts[t].pieces[i]);
  body.replaceChildren();
  const words = element("div", "texts");
  for (const [text, token] of shown) words.append(aboutToken(text, token));
  if (two && twin === null) words.append(element("p", "told", `No token of the ${names[1 - t]} is aligned with it.`));
  body.append(words);
  // whoever looks for width must be on the page
  if (!dialog.open) dialog.showModal();
  curve("CSE by layer", `CSE by layer of token ${i}`, shown,
    (text, token) => measured.map((layer, l) => [layer, cseOf(text, token, l)]));
  curve("Length of the update by layer", `Norm of the update at each layer of token ${i}`, shown,
    (text, token) => layers.map((layer, l) => [layer, texts[text].norm[token * layers.length + l]]),
    ({ y }) => { y.title = "|update|"; y.scale = { type: "log", nice: false }; });
  body.append(element("h4", "", "Scalogram: share of wavelet energy; pale: cone of influence"));
  const grid = element("div", "planes");
  body.append(grid);
  const look = { ...plane, top: 1 };
  const reach = reachOf(shown.map(([text, token]) => planeOf(text, token)), look);
  for (const [text, token, name] of shown) {
    const place = element("div");
    grid.append(place);
    drawScalogram(place, two ? name : "", planeOf(text, token), look, `Scalogram of token ${token}, ${name}`, reach);
  }
  if (ranks) {
    body.append(element("h4", "", "Logit lens: what the model would say after each layer"));
    const tables = element("div", "texts");
    for (const [text, token] of shown) tables.append(lensTable(text, token));
    body.append(tables);
  }
  const files = element("p", "downloads", "Data: ");
  later(files, `token-${i}.csv`, () => csv(shown.flatMap(([text, token]) => layers.map((_, l) => [text, token, l]))));
  later(files, `scalogram-${i}.csv`, () => scalogramCsv(shown));
  body.append(files);
  for (const [id, next] of [["token-before", i - 1], ["token-after", i + 1]]) {
    const button = document.getElementById(id);
    button.disabled = next < 0 || next >= texts[t].count;
    button.onclick = () => { choose(t, next); open(t, next); };
  }
  dialog.scrollTop = 0;
};

document.getElementById("token-close").addEventListener("click", () => dialog.close());
// a click beside the dialog closes it
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  if (event.target.closest(".scroll")) return;
  const button = { ArrowLeft: "token-before", ArrowRight: "token-after" }[event.key];
  if (button) document.getElementById(button).click();
});
// not to where it was opened from, as browsers would, but to the token that was last looked at
dialog.addEventListener("close", () => buttons[opened.text][opened.token].focus());

// every token of the tables opens too
for (const [t] of texts.entries()) {
  for (const row of document.querySelectorAll(`[data-table="tokens-${t}"] tbody tr`)) {
    const i = Number(row.cells[0].textContent);
    const button = element("button", "open", row.cells[1].textContent);
    button.type = "button";
    button.addEventListener("click", () => { choose(t, i); open(t, i); });
    row.cells[1].replaceChildren(button);
  }
}

// the numbers, made when they are asked for

const later = (place, name, make) => {
  const link = element("a", "", name);
  link.href = "#";
  link.download = name;
  link.addEventListener("click", () => {
    if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([make()], { type: name.endsWith(".json") ? "application/json" : "text/csv" }));
  });
  place.append(" ", link);
};

// single precision has seven digits
const finite = (value) => (Number.isFinite(value) ? Number(value.toPrecision(7)) : null);
const cseAt = (t, i, l) => finite(measured.includes(layers[l]) ? cseOf(t, i, measured.indexOf(layers[l])) : NaN);
const csv = (rows) => {
  const lens = ranks ? ["lens_entropy", ...Array.from({ length: ranks }, (_, k) => [`lens_${k + 1}`, `probability_${k + 1}`]).flat()] : [];
  const lines = rows.map(([t, i, l]) => {
    const text = texts[t];
    const at = i * layers.length + l;
    const read = ranks ? [finite(text.lens.entropy[at]), ...Array.from({ length: ranks }, (_, k) => [
      data.words[text.lens.word[at * ranks + k]], text.lens.probability[at * ranks + k]]).flat()] : [];
    return csvLine([names[t], i, text.pieces[i], layers[l], cseAt(t, i, l), finite(text.norm[at]), text.surprisal[i], ...read]);
  });
  return [csvLine(["text", "token", "piece", "layer", "cse", "update_norm", "surprisal", ...lens]), ...lines].join("\n") + "\n";
};
const everything = () => texts.flatMap((text, t) => text.pieces.flatMap((_, i) => layers.map((_, l) => [t, i, l])));
const scalogramCsv = (shown) => {
  const lines = shown.flatMap(([t, i]) => {
    const values = planeOf(t, i);
    return plane.periods.flatMap((period, s) => plane.layers.map((layer, l) => csvLine(
      [names[t], i, texts[t].pieces[i], period, layer, (values[s * plane.layers.length + l] / plane.levels).toFixed(5)])));
  });
  return [csvLine(["text", "token", "piece", "period", "layer", "share"]), ...lines].join("\n") + "\n";
};
const differenceCsv = () => [
  csvLine(["first", "second", "piece", "layer", "difference"]),
  ...data.pairs.flatMap(([i, j]) => measured.map((layer, l) =>
    csvLine([i, j, texts[0].pieces[i], layer, finite(gapOf(0, i, l))]))),
].join("\n") + "\n";
const asJson = () => JSON.stringify({
  layers, pairs: data.pairs,
  texts: texts.map((text, t) => ({
    name: names[t],
    tokens: text.pieces.map((piece, i) => ({
      token: i, piece, special: Boolean(text.special[i]), surprisal: text.surprisal[i], mean_cse: text.mean[i],
      cse: layers.map((_, l) => cseAt(t, i, l)),
      update_norm: layers.map((_, l) => finite(text.norm[i * layers.length + l])),
      lens: ranks ? layers.map((_, l) => Array.from({ length: ranks }, (_, k) => {
        const at = (i * layers.length + l) * ranks + k;
        return { piece: data.words[text.lens.word[at]], probability: text.lens.probability[at] };
      })) : undefined,
    })),
  })),
});

const files = document.getElementById("files");
later(files, "tokens.csv", () => csv(everything()));
if (data.pairs.length) later(files, "difference.csv", differenceCsv);
later(files, "tokens.json", asJson);

document.addEventListener("theme", paint);
paint();
choose(0, texts[0].counted.indexOf(1) < 0 ? 0 : texts[0].counted.indexOf(1));
// one after the other, and after the strips are there
for (const draw of drawings) setTimeout(draw, 0);

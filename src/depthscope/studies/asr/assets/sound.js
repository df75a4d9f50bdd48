// a sound that plays, its words at their times, and under them the map of the chosen word: by itself, by layer, by other methods

const sounds = JSON.parse(document.getElementById("data-sounds").textContent);
const still = matchMedia("(prefers-reduced-motion: reduce)");

// heights of what stands below one another, in px
const WAVE = 76, LINE = 22, LANES = 3, MAP = 72, AXIS = 20, STRIP = 20;
// seconds behind the start of a word to which it is sought: a player rounds, and would end up before it
const WITHIN = 0.002;
const KINDS = ["rests", "unsure", "nothing", "unknown"];
const NAMES = {
  log_p: ["log p", (v) => v.toFixed(2)],
  probability: ["least probable token", (v) => v.toFixed(3)],
  heard: ["heard: silence at its place costs, beyond silence elsewhere", (v) => `${v.toFixed(2)} nats`],
  total: ["total: silence of the whole sound costs", (v) => `${v.toFixed(2)} nats`],
  concentration: ["concentration", (v) => v.toFixed(2)],
  agreement: ["agreement of layers", (v) => v.toFixed(2)],
};

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const signed = (text) => new Int8Array(bytes(text).buffer);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const shareText = (v) => (v === null || v === undefined ? "" : v.toFixed(2).replace(/^0/, ""));
const csvCell = (cell) => {
  const text = typeof cell === "string" && /^'*[=+\-@\t\r＝＋－＠]/.test(cell) && Number.isNaN(Number(cell)) ? `'${cell}` : `${cell}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const start = (article, data, number) => {
  const box = article.querySelector(".listened");
  if (!box) return;
  const audio = article.querySelector("audio");
  const transcript = article.querySelector(".transcript");
  const options = [...transcript.querySelectorAll(".heard-word")];
  const { words } = data;
  const outline = data.outline && { ...data.outline, low: signed(data.outline.low), high: signed(data.outline.high) };
  const windows = data.windows.map((one) => one && {
    ...one, map: bytes(one.map), layers: one.layers && bytes(one.layers), rivals: one.rivals && bytes(one.rivals),
  });
  // the row of each word within its window
  const counts = new Map();
  for (const word of words) {
    word.place = counts.get(word.window) ?? 0;
    counts.set(word.window, word.place + 1);
  }
  let chosen = 0, lit = -1, ending = null;

  // what is there: tools, a time axis with everything on it, numbers

  const tools = element("div", "tools sound-tools");
  const play = element("button", "quiet", "Play this word");
  play.type = "button";
  const zoom = element("input");
  Object.assign(zoom, { type: "range", id: `zoom-${number}`, min: "0", max: "100", step: "1" });
  const zoomName = element("label", "", "Zoom");
  zoomName.htmlFor = zoom.id;
  if (audio) tools.append(play);
  tools.append(zoomName, zoom);

  const timeline = element("div", "timeline");
  const labels = element("div", "timeline-names");
  const scroller = element("div", "timeline-scroll");
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "region");
  scroller.setAttribute("aria-label", "Sound, words and maps over time; the same is in the text above and in the table");
  const wide = element("div");
  const wave = element("canvas");
  const lane = element("div", "lane");
  // the same words are above, where keys and readers of screens reach them
  lane.setAttribute("aria-hidden", "true");
  const maps = element("canvas");
  for (const canvas of [wave, maps]) canvas.setAttribute("role", "img");
  wave.setAttribute("aria-label", `Waveform of ${data.seconds.toFixed(1)} s`);
  wide.append(wave, lane, maps);
  scroller.append(wide);
  timeline.append(labels, scroller);

  const about = element("p", "told word-told");
  about.setAttribute("role", "status");
  const figures = element("dl", "word-numbers");
  const files = element("p", "downloads");
  const tokens = element("div", "word-tokens");
  box.append(tools, timeline, about, figures, tokens, files);

  const rows = () => [
    ...Array.from({ length: data.depth }, (_, l) => ({ name: `layer ${l + 1}`, layer: l })),
    ...data.rivals.map((name, r) => ({ name, rival: r })),
  ];
  const strips = rows();

  const spans = words.map((word) => {
    const made = element("div", KINDS[word.verdict], word.text);
    made.addEventListener("click", () => choose(words.indexOf(word), { seek: true }));
    lane.append(made);
    return made;
  });

  // from seconds to places

  let scale = 100;
  const width = () => Math.max(scroller.clientWidth, Math.ceil(data.seconds * scale));
  const fitting = () => scroller.clientWidth / data.seconds;
  const chosenScale = () => {
    const low = Math.max(fitting(), 2), high = Math.max(low * 1.01, 400);
    return low * (high / low) ** (Number(zoom.value) / 100);
  };

  const arrange = () => {
    scale = chosenScale();
    wide.style.width = `${width()}px`;
    const pen = wave.getContext("2d");
    pen.font = `12.8px ${colour("font")}`;
    const ends = new Array(LANES).fill(-Infinity);
    words.forEach((word, i) => {
      const left = word.start * scale;
      let row = ends.findIndex((end) => end <= left);
      if (row < 0) row = ends.indexOf(Math.min(...ends));
      const room = pen.measureText(word.text).width + 8;
      ends[row] = Math.max(left + room, ends[row]);
      spans[i].style.left = `${left}px`;
      spans[i].style.top = `${row * LINE}px`;
    });
    lane.style.height = `${LANES * LINE}px`;
    draw();
  };

  const brush = (canvas, height) => {
    const dense = window.devicePixelRatio || 1;
    const w = scroller.clientWidth;
    canvas.width = Math.round(w * dense);
    canvas.height = Math.round(height * dense);
    canvas.style.width = `${w}px`;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(dense, dense);
    return { pen, w };
  };

  // values of a map between two times: the largest of its frames
  const between = (levels, offset, count, from, step, low, high) => {
    if (high <= from) return 0;
    const first = Math.max(0, Math.floor((low - from) / step));
    const last = Math.min(count - 1, Math.max(first, Math.ceil((high - from) / step) - 1));
    let most = -1;
    for (let k = first; k <= last; k += 1) most = Math.max(most, levels[offset + k]);
    return most < 0 ? 0 : (most / 255) ** 2;
  };
  const own = (word, low, high) => {
    const one = windows[word.window];
    return between(one.map, word.place * one.map_count, one.map_count, one.from, one.step, low, high);
  };
  const other = (word, strip, low, high) => {
    const one = windows[word.window];
    const [levels, count, many, at] = strip.layer === undefined
      ? [one.rivals, one.rivals_count, data.rivals.length, strip.rival] : [one.layers, one.layers_count, data.depth, strip.layer];
    return between(levels, (word.place * many + at) * count, count, one.from, one.coarse, low, high);
  };

  const interval = (pen, word, left, height) => {
    pen.fillStyle = colour("faint");
    pen.fillRect(word.start * scale - left, 0, Math.max(1, (word.end - word.start) * scale), height);
  };
  const cursor = (pen, left, height) => {
    if (!audio) return;
    pen.fillStyle = colour("series-1");
    pen.fillRect(audio.currentTime * scale - left - 1, 0, 2, height);
  };

  const drawWave = () => {
    const { pen, w } = brush(wave, WAVE);
    const left = scroller.scrollLeft;
    interval(pen, words[chosen], left, WAVE);
    if (outline) {
      pen.fillStyle = colour("muted");
      const points = outline.low.length;
      let top = 1;
      for (const value of outline.high) top = Math.max(top, value);
      for (const value of outline.low) top = Math.max(top, -value);
      for (let x = 0; x < w; x += 1) {
        const first = Math.floor((left + x) / scale / outline.step);
        if (first >= points) break;
        const last = Math.min(points, Math.max(first + 1, Math.ceil((left + x + 1) / scale / outline.step)));
        let low = 127, high = -127;
        for (let k = first; k < last; k += 1) { low = Math.min(low, outline.low[k]); high = Math.max(high, outline.high[k]); }
        const reach = (WAVE / 2 - 3) / top;
        pen.fillRect(x, WAVE / 2 - high * reach, 1, Math.max(1, (high - low) * reach));
      }
    }
    cursor(pen, left, WAVE);
  };

  const ticks = (pen, w, left, y) => {
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600].find((s) => s * scale >= 60) ?? 1200;
    pen.fillStyle = colour("muted");
    pen.font = `11px ${colour("font")}`;
    pen.textBaseline = "top";
    for (let k = Math.ceil(left / scale / step); k * step * scale - left < w; k += 1) {
      const x = k * step * scale - left;
      pen.fillRect(x, y, 1, 4);
      pen.fillText(`${Number((k * step).toFixed(1))} s`, x + 3, y + 3);
    }
  };

  const drawMaps = () => {
    const height = MAP + AXIS + strips.length * STRIP;
    const { pen, w } = brush(maps, height);
    const left = scroller.scrollLeft;
    const word = words[chosen];
    interval(pen, word, left, height);
    ticks(pen, w, left, MAP);
    if (word.window !== undefined) {
      const accent = colour("accent");
      pen.fillStyle = accent;
      for (let x = 0; x < w; x += 1) {
        const value = own(word, (left + x) / scale, (left + x + 1) / scale);
        pen.fillRect(x, MAP - value * (MAP - 6), 1, value * (MAP - 6));
      }
      strips.forEach((strip, k) => {
        const y = MAP + AXIS + k * STRIP;
        pen.fillStyle = accent;
        for (let x = 0; x < w; x += 1) {
          // roots, so that broad maps are seen beside sharp ones
          pen.globalAlpha = Math.sqrt(other(word, strip, (left + x) / scale, (left + x + 1) / scale));
          pen.fillRect(x, y + 2, 1, STRIP - 4);
        }
        pen.globalAlpha = 1;
      });
    }
    cursor(pen, left, height);
  };

  let waiting = false;
  const draw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; drawWave(); drawMaps(); });
  };

  const name = (height, text, value) => {
    const made = element("div");
    made.style.height = `${height}px`;
    made.append(element("span", "", text));
    made.firstChild.title = text;
    if (value !== undefined) made.append(element("span", "", value));
    return made;
  };
  const writeNames = () => {
    const word = words[chosen];
    labels.replaceChildren(
      name(WAVE, "sound"), name(LANES * LINE, "words"), name(MAP, "map", shareText(word.inside)),
      name(AXIS, strips.length ? "mass inside" : ""),
      ...strips.map((strip) => name(STRIP, strip.name,
        shareText(strip.layer === undefined ? word.by_rival?.[strip.rival] : word.by_layer?.[strip.layer]))),
    );
  };

  const peakOf = (word) => {
    const one = windows[word.window];
    const row = one.map.subarray(word.place * one.map_count, (word.place + 1) * one.map_count);
    return one.from + (row.indexOf(255) + 0.5) * one.step;
  };

  const tell = () => {
    const word = words[chosen];
    const where = `${word.start.toFixed(2)} to ${word.end.toFixed(2)} s`;
    const verdict = data.verdicts[word.verdict];
    const mapped = word.window !== undefined;
    const seen = mapped ? ` Its map is highest at ${peakOf(word).toFixed(2)} s, and has ${Math.round(word.inside * 100)} % between its start and end.` : "";
    about.replaceChildren("Word ", element("bdi", "", `“${word.text}”`), `, ${where}: ${verdict}.${seen}`);
    maps.setAttribute("aria-label", mapped
      ? `Map of word ${chosen + 1} over time: highest at ${peakOf(word).toFixed(2)} s; below it ${strips.length} strips: ${strips.map((s) => s.name).join(", ")}`
      : `Word ${chosen + 1} has no map`);
    figures.replaceChildren(...Object.entries(NAMES).filter(([key]) => key in word.numbers).map(([key, [called, write]]) => {
      const pair = element("div");
      pair.append(element("dt", "", called), element("dd", "", write(word.numbers[key])));
      return pair;
    }));
    tokens.replaceChildren(tokenTable(word));
    files.replaceChildren();
    if (mapped) files.append("Data: ", download(`map-${chosen + 1}.csv`, () => mapCsv(word)));
  };

  const tokenTable = (word) => {
    const holder = element("details");
    holder.append(element("summary", "", word.tokens.length === 1 ? "Its token" : `Its ${word.tokens.length} tokens`));
    const scroll = element("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Tokens of the word");
    const table = element("table");
    const head = element("tr");
    for (const called of ["token", "log p", "entropy of its map", "mass in padding", "peak (s)"]) {
      const cell = element("th", "plain", called);
      cell.scope = "col";
      head.append(cell);
    }
    const top = element("thead");
    top.append(head);
    const body = element("tbody");
    for (const [text, ...values] of word.tokens) {
      const row = element("tr");
      const first = element("td");
      first.append(element("bdi", "", text));
      row.append(first, ...values.map((value) => element("td", "number", value === null ? "" : value.toFixed(2))));
      body.append(row);
    }
    table.append(top, body);
    scroll.append(table);
    holder.append(scroll);
    return holder;
  };

  const download = (called, make) => {
    const link = element("a", "", called);
    link.href = "#";
    link.download = called;
    link.addEventListener("click", () => {
      if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
      link.href = URL.createObjectURL(new Blob([make()], { type: "text/csv" }));
    });
    return link;
  };
  const mapCsv = (word) => {
    const one = windows[word.window];
    const lines = Array.from({ length: one.map_count }, (_, k) => {
      const share = (one.map[word.place * one.map_count + k] / 255) ** 2 * one.map_tops[word.place];
      return [word.text, (one.from + (k + 0.5) * one.step).toFixed(4), Number(share.toPrecision(4))].map(csvCell).join(",");
    });
    return `${["word,seconds,share", ...lines].join("\n")}\n`;
  };

  // choosing and playing

  const reveal = (seconds) => {
    const x = seconds * scale;
    if (x < scroller.scrollLeft + 10 || x > scroller.scrollLeft + scroller.clientWidth - 40) {
      scroller.scrollLeft = x - scroller.clientWidth * 0.15;
    }
  };
  const choose = (i, { seek = false, focus = false } = {}) => {
    options[chosen]?.setAttribute("aria-selected", "false");
    spans[chosen].classList.remove("chosen");
    for (const option of options) option.tabIndex = -1;
    chosen = i;
    options[i].setAttribute("aria-selected", "true");
    options[i].tabIndex = 0;
    spans[i].classList.add("chosen");
    if (focus) options[i].focus();
    if (seek && audio && audio.paused) audio.currentTime = Math.min(words[i].start + WITHIN, outline?.played ?? Infinity);
    reveal(words[i].start);
    writeNames();
    tell();
    draw();
  };
  const playWord = () => {
    const word = words[chosen];
    audio.currentTime = word.start + WITHIN;
    ending = Math.max(word.end, word.start + 0.15);
    audio.play();
  };
  const toggle = () => {
    ending = null;
    if (audio.paused) audio.play(); else audio.pause();
  };

  transcript.setAttribute("role", "listbox");
  transcript.setAttribute("aria-label", "Words: arrow keys choose one, Enter plays it, Space plays or pauses");
  options.forEach((option, i) => {
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.tabIndex = -1;
    const kind = words[i].verdict;
    if (KINDS[kind] === "nothing" || KINDS[kind] === "unsure") option.setAttribute("aria-label", `${words[i].text}, ${data.verdicts[kind]}`);
    option.addEventListener("click", () => choose(i, { seek: true, focus: true }));
  });
  transcript.addEventListener("keydown", (event) => {
    const last = words.length - 1;
    const next = {
      ArrowRight: Math.min(chosen + 1, last), ArrowDown: Math.min(chosen + 1, last),
      ArrowLeft: Math.max(chosen - 1, 0), ArrowUp: Math.max(chosen - 1, 0), Home: 0, End: last,
    }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (next !== undefined) choose(next, { seek: true, focus: true });
    else if (event.key === "Enter" && audio) playWord();
    else if (event.key === " " && audio) toggle();
    else return;
    event.preventDefault();
  });
  play.addEventListener("click", playWord);

  for (const canvas of [wave, maps]) {
    canvas.addEventListener("click", (event) => {
      const seconds = (scroller.scrollLeft + event.offsetX) / scale;
      if (audio) audio.currentTime = Math.min(seconds, outline?.played ?? seconds);
      const at = words.findIndex((word) => seconds >= word.start && seconds <= word.end);
      if (at >= 0) choose(at);
      draw();
    });
  }
  scroller.addEventListener("keydown", (event) => {
    if (event.key === " " && audio) { toggle(); event.preventDefault(); }
  });

  const light = () => {
    const now = audio.currentTime;
    const at = words.findIndex((word) => now >= word.start && now < word.end);
    if (at !== lit) {
      for (const all of [options, spans]) {
        all[lit]?.classList.remove("lit");
        all[at]?.classList.add("lit");
      }
      lit = at;
    }
    if (ending !== null && now >= ending) { audio.pause(); ending = null; }
    if (!audio.paused) reveal(now);
    draw();
  };
  if (audio) {
    // smooth while it plays, unless movement is not wanted: then in the steps in which the player tells its time
    const follow = () => { light(); if (!audio.paused && !still.matches) requestAnimationFrame(follow); };
    audio.addEventListener("play", follow);
    audio.addEventListener("timeupdate", light);
    audio.addEventListener("seeked", light);
  }

  zoom.addEventListener("input", () => {
    const middle = (scroller.scrollLeft + scroller.clientWidth / 2) / scale;
    arrange();
    scroller.scrollLeft = middle * scale - scroller.clientWidth / 2;
  });
  scroller.addEventListener("scroll", draw);
  document.addEventListener("theme", draw);
  addEventListener("beforeprint", () => { drawWave(); drawMaps(); });
  new ResizeObserver(arrange).observe(scroller);
  // at first a word has room for its letters, if that is possible
  const low = Math.max(fitting(), 2), high = Math.max(low * 1.01, 400);
  zoom.value = String(Math.round(Math.min(100, Math.max(0, 100 * Math.log(110 / low) / Math.log(high / low)))));
  arrange();
  choose(0);
};

for (const article of document.querySelectorAll(".sound")) {
  const number = Number(article.dataset.sound);
  start(article, sounds[number], number);
}

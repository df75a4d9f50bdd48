// behind each row of the table: an item's texts, its CSE by layer, its scalograms

const { drawChart, drawScalogram, reachOf, offer, csvLine } = window.depthscope;
const data = JSON.parse(document.getElementById("data-items").textContent);
const byName = new Map(data.items.map((item) => [item.name, item]));
const dialog = document.getElementById("item");
const body = document.getElementById("item-body");
const rows = () => [...document.querySelectorAll('[data-table="items"] tbody tr')].filter((row) => !row.hidden);
const nameOf = (row) => row.cells[0].textContent.trim();
let current = null;

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

const textOf = (condition, text) => {
  const figure = element("div", "stimulus");
  figure.append(element("h4", "", condition));
  const words = element("p", "words");
  words.dir = "auto";
  const [before, target, after] = text.parts;
  words.append(before);
  if (target) words.append(element("mark", "", target));
  words.append(after);
  figure.append(words);
  if (text.told.length) figure.append(element("p", "told", text.told.join(", ")));
  return figure;
};

const show = (name) => {
  const item = byName.get(name);
  if (!item) return;
  current = name;
  document.getElementById("item-name").textContent = name;
  body.replaceChildren();
  const there = data.conditions.map((_, i) => i).filter((i) => item.cse[i].some((v) => v !== null) || item.texts[i]);
  const texts = element("div", "texts");
  for (const i of there) if (item.texts[i]) texts.append(textOf(data.conditions[i], item.texts[i]));
  body.append(texts);

  const points = there.flatMap((i) => data.layers.map((layer, l) => ({
    layer, value: item.cse[i][l], series: data.conditions[i],
  })).filter((point) => point.value !== null));
  const curve = element("div");
  body.append(element("h4", "", "CSE by layer"), curve);
  const compared = data.window ? [{ from: data.window[0] - 0.5, to: data.window[1] + 0.5 }] : null;
  drawChart(curve, "curve", (spec) => {
    spec.description = `CSE by layer of item ${name}, one line per condition`;
    spec.datasets = { points, window: compared ?? [] };
    if (!compared) spec.layer.shift();
  });

  if (item.shares) {
    body.append(element("h4", "", "Scalograms: share of wavelet energy; pale: cone of influence"));
    const grid = element("div", "planes");
    body.append(grid);
    const reach = reachOf(there.map((i) => item.shares[i]), data.plane);
    for (const i of there) {
      const place = element("div");
      grid.append(place);
      drawScalogram(place, data.conditions[i], item.shares[i], data.plane,
        `Scalogram of item ${name}, condition ${data.conditions[i]}`, reach);
    }
  }
  const files = element("p", "downloads", "Data: ");
  const lines = [csvLine(["item", "condition", "layer", "cse"]),
    ...points.map((point) => csvLine([name, point.series, point.layer, point.value]))];
  offer(files, "item.csv", lines.join("\n") + "\n");
  body.append(files);
  step();
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
};

const step = () => {
  const names = rows().map(nameOf);
  const at = names.indexOf(current);
  for (const [id, next] of [["item-before", at - 1], ["item-after", at + 1]]) {
    const button = document.getElementById(id);
    button.disabled = at < 0 || next < 0 || next >= names.length;
    button.onclick = () => show(names[next]);
  }
};

for (const row of document.querySelectorAll('[data-table="items"] tbody tr')) {
  const name = nameOf(row);
  const button = element("button", "open", name);
  button.type = "button";
  button.addEventListener("click", () => show(name));
  row.cells[0].replaceChildren(button);
}
document.getElementById("item-close").addEventListener("click", () => dialog.close());
// a click beside the dialog closes it
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  const button = { ArrowLeft: "item-before", ArrowRight: "item-after" }[event.key];
  if (button) document.getElementById(button).click();
});

// one way to draw a chart: a specification that the page holds, numbers that it holds, and the colours of its theme

const { bytesOf } = window.depthscope;
const drawn = new Map();

const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const look = () => ({
  background: "transparent",
  font: variable("font") || "sans-serif",
  axis: {
    labelColor: variable("ink"), titleColor: variable("ink"), tickColor: variable("muted"),
    domainColor: variable("muted"), gridColor: variable("faint"), labelFontSize: 11, titleFontSize: 12,
    titleFontWeight: "normal",
  },
  legend: { labelColor: variable("ink"), titleColor: variable("ink"), labelFontSize: 12, titleFontWeight: "normal" },
  title: { color: variable("ink"), fontSize: 13, fontWeight: 600, anchor: "start" },
  view: { stroke: null },
  range: { category: ["1", "2", "3", "4", "5", "6", "7"].map((n) => variable(`series-${n}`)) },
});

/** Draw the chart `name` into `place`; `fill` gets a copy of its specification and puts the numbers in.
 *  `renderer`: "canvas" for thousands of marks; `ready` gets the view, each time it is drawn. */
const drawChart = async (place, name, fill, { renderer = "svg", ready = null } = {}) => {
  const spec = JSON.parse(document.getElementById(`data-chart-${name}`).textContent);
  fill(spec);
  place.classList.add("chart");
  drawn.get(place)?.result?.finalize();
  const mine = { name, fill, options: { renderer, ready }, result: null };
  drawn.set(place, mine);
  const result = await vegaEmbed(place, spec, {
    actions: false, renderer, config: look(), tooltip: { theme: "custom" },
    // nothing is ever loaded: all numbers are in the specification
    loader: { load: () => Promise.reject(new Error("this page loads nothing")) },
  });
  if (drawn.get(place) === mine) mine.result = result; else result.finalize();
  ready?.(result.view);
  return result.view;
};

document.addEventListener("theme", () => {
  for (const [place, { name, fill, options }] of drawn) {
    if (place.isConnected) drawChart(place, name, fill, options);
    else { drawn.get(place).result?.finalize(); drawn.delete(place); }
  }
});

/** Cells of a (scale, layer) plane for the chart "scalogram": edges half a step away, on a log scale of periods. */
const planeCells = (values, periods, layers, top, levels = 255) => {
  const middle = (a, b) => Math.sqrt(a * b);
  const edges = periods.map((p, s) => {
    const step = periods.length > 1 ? (s ? p / periods[s - 1] : periods[1] / p) : 2;
    const low = s ? middle(p, periods[s - 1]) : p / Math.sqrt(step);
    const high = s + 1 < periods.length ? middle(p, periods[s + 1]) : p * Math.sqrt(step);
    return [low, high];
  });
  const cells = [];
  periods.forEach((period, s) => layers.forEach((layer, l) => {
    cells.push({ layer, from: layer - 0.5, to: layer + 0.5, period, low: edges[s][0], high: edges[s][1],
      share: values[s * layers.length + l] / levels * top });
  }));
  return { cells, low: edges[0][0], high: edges.at(-1)[1] };
};

/** A plane is text, which holds bytes, or numbers of 0 to `plane.levels`. */
const numbersOf = (coded) => (typeof coded === "string" ? bytesOf(coded) : coded);

/** The largest share outside the cone of influence, so that what the edges do cannot hide the rest. */
const reachOf = (planes, plane) => {
  let most = 0;
  for (const values of planes.map(numbersOf)) {
    plane.periods.forEach((period, s) => plane.layers.forEach((_, l) => {
      if (period <= plane.coi[l]) most = Math.max(most, values[s * plane.layers.length + l]);
    }));
  }
  const levels = plane.levels ?? 255;
  return (most || levels) / levels * plane.top;
};

/** Draw one scalogram; `plane` has periods, layers, coi and top; colours end at `reach`. */
const drawScalogram = (place, title, coded, plane, about, reach) => {
  const values = numbersOf(coded);
  const { cells, low, high } = planeCells(values, plane.periods, plane.layers, plane.top, plane.levels);
  const cone = plane.layers.map((layer, l) => ({
    layer, coi: Math.min(Math.max(plane.coi[l], low), high), bottom: high,
  }));
  return drawChart(place, "scalogram", (spec) => {
    spec.title = { text: title };
    spec.description = about;
    spec.datasets = { cells, cone };
    spec.layer[0].encoding.y.scale.domain = [low, high];
    spec.layer[0].encoding.color.scale.domain = [0, reach];
  });
};

Object.assign(window.depthscope, { drawChart, drawScalogram, reachOf });

// what every page can do: switch its theme, sort its tables, search them

const root = document.documentElement;

const themes = document.getElementById("theme");
const nameTheme = () => { themes.textContent = root.dataset.theme === "dark" ? "Light theme" : "Dark theme"; };
themes.addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try { localStorage.setItem("depthscope-theme", root.dataset.theme); } catch { /* then it is asked again */ }
  nameTheme();
  document.dispatchEvent(new CustomEvent("theme"));
});
nameTheme();

// paper is white, and nothing can be unfolded on it
let before = null;
let folded = [];
addEventListener("beforeprint", () => {
  before = root.dataset.theme;
  root.dataset.theme = "light";
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => {
  root.dataset.theme = before ?? "light";
  for (const one of folded) one.open = false;
});

// what scrolls sideways must be reached by the keyboard, and what does not need not
const drawings = document.querySelectorAll(".drawing");
const SMALL = 0.8; // of its own size: below that a drawing offers to be shown in it
const enlarge = new Map();
const fit = (one) => {
  if (one.scrollWidth > one.clientWidth) one.tabIndex = 0; else one.removeAttribute("tabindex");
  const own = parseFloat(one.querySelector("svg")?.style.getPropertyValue("--drawn"));
  enlarge.get(one).hidden = !one.classList.contains("large") && !(one.clientWidth < SMALL * own);
};
const watch = new ResizeObserver((entries) => { for (const { target } of entries) fit(target); });
for (const one of drawings) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet enlarge";
  button.textContent = "Enlarge";
  button.addEventListener("click", () => {
    button.textContent = one.classList.toggle("large") ? "Fit to the screen (it scrolls sideways)" : "Enlarge";
    fit(one);
  });
  enlarge.set(one, button);
  one.after(button);
  watch.observe(one);
}

const keyOf = (row, column) => {
  const value = row.cells[column].dataset.sort;
  if (value === undefined) return null;
  const number = Number(value);
  return Number.isNaN(number) ? value : number;
};

// numbers before words, and what is missing last in either direction
const compare = (a, b, sign) => {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return sign * (typeof a === "number" ? a - b : a.localeCompare(b));
};

const sortBy = (table, head) => {
  const column = head.cellIndex;
  const sign = head.getAttribute("aria-sort") === "descending" || !head.classList.contains("number") &&
    head.getAttribute("aria-sort") !== "ascending" ? 1 : -1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => compare(keyOf(a, column), keyOf(b, column), sign));
  body.append(...rows);
};

const search = (field, table, told) => {
  const wanted = field.value.trim().toLowerCase();
  let left = 0;
  for (const row of table.tBodies[0].rows) {
    row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
    left += !row.hidden;
  }
  told.textContent = `${left} rows`;
};

for (const holder of document.querySelectorAll("[data-table]")) {
  const table = holder.querySelector("table");
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("button").addEventListener("click", () => sortBy(table, head));
  }
  const field = holder.querySelector("input");
  if (field) field.addEventListener("input", () => search(field, table, holder.querySelector("output")));
}

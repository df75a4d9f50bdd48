// before the first paint: what was chosen on this page before, else what the system asks for
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("depthscope-theme"); } catch { /* a file may have no storage */ }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = chosen ?? (dark ? "dark" : "light");
})();

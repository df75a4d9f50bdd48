"""``python -m benchmarks.pages RUN``: how large the pages are and how soon a browser has opened them.

The report of a finished run, and the page of a text of 1,000 tokens. Needs chromium (``make browser``).
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import depthscope as ds
from depthscope.stimuli.builtin import read_builtin
from depthscope.studies.reports import report

TOKENS, GOAL_BYTES, GOAL_SECONDS = 1000, 5e6, 2.0
TIMES = """
(() => {
  const page = performance.getEntriesByType("navigation")[0];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [paint?.startTime ?? NaN, page.loadEventEnd];
})()
"""


def long_text(tokenizer: Any, count: int) -> str:
    """Our own sentences, cut to ``count`` tokens."""
    text = " ".join(read_builtin("builtin")["text"])
    ends = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return text[: ends[count - 1][1]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run folder")
    parser.add_argument("--model", default="embedded")
    options = parser.parse_args()
    model = ds.load(options.model)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        shown = Path(folder) / "show.html"
        ds.show(model, long_text(model.tokenizer, TOKENS)).save(shown)
        pages = {f"report of {options.run.name}": report(options.run), f"show, {TOKENS:,} tokens": shown}
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        print("| page | size | first paint | opened | goals: under 5 MB, under 2 s |\n|---|---|---|---|---|")
        for name, path in pages.items():
            page = browser.new_page()
            page.goto(path.resolve().as_uri())
            page.wait_for_load_state("load")
            paint, opened = (milliseconds / 1000 for milliseconds in page.evaluate(TIMES))
            size = path.stat().st_size
            met = "met" if size < GOAL_BYTES and opened < GOAL_SECONDS else "MISSED"
            print(f"| {name} | {size / 1e6:.1f} MB | {paint:.2f} s | {opened:.2f} s | {met} |")
        browser.close()


if __name__ == "__main__":
    main()

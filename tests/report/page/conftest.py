"""A real run with texts that try to break the page, and a real browser to open it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from depthscope.studies.contrast.settings import Settings
from depthscope.studies.contrast.study import run_metaphor
from tests.conftest import CI

AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"

RUN = "document.title='run'"
HOSTILE = {
    f"<script>{RUN}</script>": f'a <script>{RUN}</script> and <img src=x onerror="{RUN}"> ',
    "quotes \" and ' and &amp; `ticks` **stars**": "she said \"yes\", he said 'no' &lt;b&gt; and ",
    "שלום": "הוא אמר שלום לכולם ואז הלך אל ",
    "🦈🏳️‍🌈 emoji": "the 🦈 met a 🏳️‍🌈 and then ",
    "long " + "x" * 300: "word " * 100,
    "</script><!-- ]]>": "</script><!-- ]]> {{ 7 * 7 }} ${alert(1)} ",
}
WORDS = ("shark", "wall", "storm", "key", "bridge", "anchor", "knife")
STARTS = {
    "metaphor": ("Her promise was a", "The old lie became a", "We saw that hope is a"),
    "literal": ("The sailor saw a", "A man sold the", "In that town there was a"),
    "<b>complex</b>": ("Nobody who ever knew him well had a", "Few of them had ever made a", "Not many want a"),
}


def hostile_table() -> pd.DataFrame:
    """13 items in three conditions; half of the items have names and texts that are markup, or worse."""
    plain = [(word, "") for word in WORDS]
    rows = [
        (name, condition, f"{lead}{starts[i % len(starts)]} {WORDS[i % 7]}.", WORDS[i % 7], (5 * i + j) % 7)
        for i, (name, lead) in enumerate([*plain, *HOSTILE.items()])
        for j, (condition, starts) in enumerate(STARTS.items())
    ]
    return pd.DataFrame(rows, columns=["item", "condition", "text", "target", "arousal"])


@pytest.fixture(scope="session")
def run_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the whole study over them."""
    folder = tmp_path_factory.mktemp("page")
    hostile_table().to_csv(folder / "pairs.csv", index=False)
    settings = Settings(
        model=str(model_folder),
        stimuli=str(folder / "pairs.csv"),
        confounds=("surprisal", "arousal"),
        contrast={"permutations": 200, "resamples": 50},
        threads=1,
    )
    run_metaphor(settings, folder / "run", progress=False, command="depthscope run metaphor --model '<b>tiny</b>'")
    return folder / "run"


@dataclass
class Visit:
    """A page that is open, and everything that it should not have done."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def violations(self) -> list[str]:
        """What axe-core finds serious or worse."""
        if not AXE.is_file():
            assert not CI, "CI must have axe-core: make browser"
            pytest.skip("no axe-core here: make browser")
        # a debugger may put a script where the page's own policy lets nobody else
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = self.page.evaluate("axe.run().then((all) => all.violations)")
        return [
            f"{one['id']} ({one['impact']}): {one['help']}; {node['target']} {node.get('failureSummary', '')}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"][:3]
        ]


@pytest.fixture
def visit(chromium: Browser) -> Callable[..., Any]:
    """``with visit(path, width=390, dark=True) as seen``: offline; fails on a console message, an error or a request."""

    @contextmanager
    def opened(path: Path, width: int = 1280, dark: bool = False) -> Iterator[Visit]:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", offline=True
        )
        page = context.new_page()
        page.set_default_timeout(10_000)
        seen = Visit(page)
        page.on("console", lambda message: seen.problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda problem: seen.problems.append(f"error: {problem}"))
        page.on("dialog", lambda dialog: (seen.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("data:", "blob:")) or request.url == path.as_uri()
                else seen.problems.append(f"request: {request.url}")
            ),
        )
        page.goto(path.as_uri())
        try:
            yield seen
            assert not seen.problems
        finally:
            context.close()

    return opened

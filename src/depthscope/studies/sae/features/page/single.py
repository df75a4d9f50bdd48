"""One latent as a page that can be read without scripts."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from depthscope.drawing.reading import visible
from depthscope.drawing.saving import encoded
from depthscope.errors import require
from depthscope.report.page.content import Figure, Page, Section
from depthscope.report.page.graphics import inline_figure
from depthscope.report.page.settings import settings_section
from depthscope.report.page.words import plain
from depthscope.report.table import csv_download
from depthscope.store.tables import csv_text
from depthscope.studies.sae.features.page.lit import spans
from depthscope.studies.sae.features.words import CAUTION, about, said, share_text, title

if TYPE_CHECKING:
    from depthscope.studies.sae.features.feature import FeatureCard, Part

# where templates, styles and scripts of both kinds of page are
HERE = "depthscope.studies.sae.features.page"
STYLE = "features.css"

TOP = "The strongest, from as many documents as can be; of a passage that fires several times, once."
RANDOM = "A random sample of all tokens on which it fires, in the order of strength: what it mostly does."
EFFECT = (
    "Raised and lowered: logits with the direction added to the last state at its mean activation, less those without it, over "
    "{states} states of real tokens, through the model's own norm and head. Later blocks are left out, and so is a change "
    "common to all tokens."
)
DEPTH_READING = (
    "**Carried**: the stream is projected on the latent's direction at every layer, the mean on tokens on which it fires less "
    "that on all others, in pooled standard deviations. A direction that is written at one layer and left alone is carried to "
    "the end. **CSE** is conditional scale entropy, how broadly a token's computation engages fast and slow structure of "
    "depth. Both are of a sample of tokens, and no test is made of them."
)


class Bar(NamedTuple):
    """A row of a short list: what it is, how long its bar is (0 to 1), and the number in words.

    ``token``: the label is a token's text, in which spaces count. ``down``: the bar is of what is lowered.
    """

    label: str
    share: float
    told: str
    token: bool = False
    down: bool = False


class Bars(NamedTuple):
    """A short list under a heading."""

    title: str
    head: str
    measure: str
    rows: Sequence[Bar]


def single_page(one: "FeatureCard") -> Page:
    """Lay out one latent."""
    sections = [_where(one), _tokens(one), _strength(one), _company(one), _depth(one)]
    asked = {"model": one.model, "dictionary": one.name, "reads": str(one.site), "latent": one.latent}
    blocks = {**one.settings, "Asked": {**asked, **one.settings.get("Asked", {})}}
    return Page(
        title=title(one),
        answer=_said(one, "fires"),
        sections=[*(section for section in sections if section), settings_section(blocks, one.command)],
        about=about(one),
        styles=[STYLE],
        packages=[HERE],
    )


def _said(one: "FeatureCard", part: str) -> list[Any]:
    return [plain(sentence) for sentence in said(one).get(part, ())]


def _where(one: "FeatureCard") -> Section | None:
    if not one.top:
        return None
    groups = [
        {"key": key, "title": name, "about": told, "items": [(seen, spans(one, seen)) for seen in shown]}
        for key, name, told, shown in (("top", "Top", TOP, one.top), ("random", "Random", RANDOM, one.random))
    ]
    content = {
        "groups": groups,
        "reach": f"{one.reach:.3g}{' and more' if one.reach < one.maximum else ''}",
        "download": csv_download(f"latent-{one.latent}.csv", csv_text(one.to_dataframe())),
    }
    return Section("where", "Where it fires", [plain(CAUTION)], template="contexts.html.j2", content=content)


def _tokens(one: "FeatureCard") -> Section | None:
    fires = [
        Bar(visible(one.words[t.token]), t.share, f"{share_text(t.share)} ({share_text(t.rate)})", True)
        for t in one.tokens
    ]
    lists = [Bars("Fires on", "token", "of its firings (of the token)", fires)]
    words: list[Any] = []
    if one.up:
        most = max((abs(moved.by) for moved in (*one.up, *one.down)), default=1.0) or 1.0
        for name, side, down in (("Raises", one.up, False), ("Lowers", one.down, True)):
            rows = [Bar(visible(one.words[m.token]), abs(m.by) / most, f"{m.by:+.3g}", True, down) for m in side]
            lists.append(Bars(name, "token", "logits", rows))
        words = [*_said(one, "effect"), plain(EFFECT.format(states=one.states))]
    return _listed("tokens", "Which tokens", lists, words)


def _company(one: "FeatureCard") -> Section | None:
    near = [Bar(f"latent {n.latent}", max(n.cosine, 0), f"{n.cosine:.3f}") for n in one.near]
    partners = [Bar(f"latent {p.latent}", p.jaccard, f"{p.jaccard:.3f} ({2**p.pmi:.2g})") for p in one.partners]
    across = [Bar(f"{n.name}, latent {n.latent}", max(n.cosine, 0), f"{n.cosine:.3f}") for n in one.across]
    lists = [
        Bars("Nearest directions", "latent", "cosine", near),
        Bars("Fires together with", "latent", "Jaccard index (times chance)", partners),
        Bars("Nearest in other dictionaries", "latent", "cosine", across),
    ]
    return _listed("company", "Near it and with it", lists, _said(one, "company"))


def _listed(key: str, name: str, lists: Iterable[Bars], words: Sequence[Any] = ()) -> Section | None:
    shown = [one for one in lists if one.rows]
    return Section(key, name, words, template="bars.html.j2", content={"lists": shown}) if shown else None


def _strength(one: "FeatureCard") -> Section | None:
    return _drawn(one, "strength", "How strongly", ["histogram"])


def _depth(one: "FeatureCard") -> Section | None:
    return _drawn(one, "depth", "Over depth", ["depth", "cse"], DEPTH_READING)


def _drawn(one: "FeatureCard", key: str, name: str, parts: "Sequence[Part]", reading: str = "") -> Section | None:
    figures = [inline(one, part) for part in parts if part in one.parts]
    return Section(key, name, _said(one, key), figures=figures, reading=reading) if figures else None


def inline(one: "FeatureCard", part: "Part") -> Figure:
    """A drawing in the colours of the page."""
    plt = require("matplotlib.pyplot", "figures")
    ax = one.plot(part=part)
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{part}.svg"
            path.write_bytes(encoded(ax.figure.figure, "svg"))
            return inline_figure(path)
    finally:
        plt.close(ax.figure.figure)

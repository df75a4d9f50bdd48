"""All features as one page: a table that is searched and sorted, and behind each row all that is known of it."""

from typing import TYPE_CHECKING

from depthscope.report.page.content import Page, Section
from depthscope.report.page.settings import settings_section
from depthscope.report.page.words import plain
from depthscope.studies.sae.features.page.packed import packed
from depthscope.studies.sae.features.page.single import DEPTH_READING, EFFECT, HERE, RANDOM, STYLE, TOP
from depthscope.studies.sae.features.words import CAUTION
from depthscope.words import names_text

if TYPE_CHECKING:
    from depthscope.studies.sae.features.index import FeatureIndex

# what is said in the dialog; scripts have no words of their own for it
SAID = {"top": TOP, "random": RANDOM, "effect": EFFECT, "depth": DEPTH_READING.replace("**", "")}


def index_page(index: "FeatureIndex") -> Page:
    """Lay out an index of features."""
    content = {
        "names": list(index.features),
        "effect": any(one.effect for one in index.features.values()),
        "depth": any(one.depths for one in index.features.values()),
    }
    section = Section("features", "Features", [plain(CAUTION)], template="features.html.j2", content=content)
    settings = settings_section(index.settings, index.command)
    return Page(
        title=f"Features of {index.model}",
        answer=[plain(one) for one in index.answer],
        sections=[section, settings],
        about=names_text(index.features),
        data={"features": {**packed(index), "said": SAID}},
        scripts=["features.js"],
        styles=[STYLE],
        packages=[HERE],
    )

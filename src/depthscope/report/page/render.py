"""From a page's content to one file: templates write, and nothing that was written can run or call out."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from depthscope.errors import require
from depthscope.report.page.content import Page
from depthscope.report.page.words import marked
from depthscope.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

# where templates and assets of every page are; those of a section that is special lie in the folder of its study
OURS = "depthscope.report.page"
HERE = files(OURS)
# every page has these: the theme's script first, before anything is painted
THEME, EVERY, STYLE = "theme.js", ("page.js",), "page.css"
# before whatever else runs on a page
NUMBERS, DRAWS = "numbers.js", "charts.js"
# of others, in the order in which they need each other: see assets/vega/README.md
LIBRARY = ("vega/vega.min.js", "vega/vega-lite.min.js", "vega/vega-embed.min.js")
LICENSES = "vega/LICENSES.txt"


def render(page: Page) -> str:
    """The page as HTML that asks for nothing else: no file, no network.

    A content security policy says so to the browser: only the scripts written here may run, known by their digests, and no
    request leaves the page, whatever a stimulus contains.
    """
    packages = (*page.packages, OURS)
    library = [_library()] if page.charts else []
    special = [*([DRAWS] if page.charts else []), *page.scripts]
    own = [*([NUMBERS] if special else []), *special, *EVERY]
    head = _asset(THEME)
    modules = [*library, *(_asset(name, packages) for name in own)]
    charts = {f"chart-{name}": json.loads(_asset(f"charts/{name}.vl.json", packages)) for name in page.charts}
    text: str = (
        environment(packages)
        .get_template("page.html.j2")
        .render(
            page=page,
            version=__version__,
            style="\n".join(_asset(name, packages) for name in (STYLE, *page.styles)),
            head=head,
            modules=modules,
            data={name: embedded(value) for name, value in {**page.data, **charts}.items()},
            policy=_policy([head, *modules], bool(page.charts), page.sound),
        )
    )
    return text


def embedded(value: Any) -> "Markup":
    """JSON inside a page: nothing in it can end the element that holds it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    safe: Markup = require("markupsafe", "report").Markup(text)
    return safe


@cache
def environment(packages: tuple[str, ...]) -> "Environment":
    """The templates in folders of these packages; whatever is not marked as safe is escaped."""
    jinja2 = require("jinja2", "report")
    made: Environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["marked"] = marked
    return made


def _policy(scripts: Iterable[str], draws: bool, plays: bool) -> str:
    digests = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    # the library compiles the expressions of our own charts
    compiles = " 'unsafe-eval'" if draws else ""
    rules: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": f"{digests}{compiles}",
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        **({"media-src": "data:"} if plays else {}),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _asset(name: str, packages: tuple[str, ...] = (OURS,)) -> str:
    places = [files(package).joinpath("assets", *name.split("/")) for package in packages]
    return next((place for place in places if place.is_file()), places[-1]).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """Vega-Lite and what it needs, as one script that carries its licences with it."""
    # the last lines of some name files that nobody ships
    scripts = [_asset(name).partition("//# sourceMappingURL=")[0] for name in LIBRARY]
    return "\n".join(["/*", _asset(LICENSES), "*/", *scripts])

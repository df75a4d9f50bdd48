"""The built site: complete, strict, and quiet on the network."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from mkdocs.exceptions import PluginError
from playwright.sync_api import Browser

import depthscope as ds
from tests.docs.blocks import DOCUMENTS, ROOT

LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "audio": "src",
    "video": "src",
    "embed": "src",
}
# a link that names another page of this one; nothing is fetched for it
NAMED = ("canonical", "next", "prev", "alternate")


class Loads(HTMLParser):
    """What a browser fetches for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and given.get("rel") not in NAMED:
            self.found.append(given.get("href", ""))
        if tag in LOADED and LOADED[tag] in given:
            self.found.append(given[LOADED[tag]])
        self.found += re.findall(r"url\(([^)]+)\)", given.get("style", ""))


def foreign(address: str) -> bool:
    return bool(re.match(r"\s*['\"]?(https?:)?//", address))


def pages(site: Path) -> dict[str, str]:
    return {str(path.relative_to(site)): path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html"))}


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    seen = 0
    for name, page in pages(site).items():
        loads = Loads()
        loads.feed(page)
        assert not [address for address in loads.found if foreign(address)], name
        # the theme fetches a script from a CDN where a page has a diagram of this kind
        assert 'class="mermaid"' not in page, name
        seen += len(loads.found)
    assert seen > 100


def test_styles_load_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.css"):
        addresses = re.findall(r"url\(([^)]+)\)|@import\s+([^;]+)", path.read_text(encoding="utf-8"))
        assert not [found for pair in addresses for found in pair if foreign(found)], path


def test_what_a_page_loads_is_there(site: Path) -> None:
    for name, page in pages(site).items():
        loads = Loads()
        loads.feed(page)
        for address in loads.found:
            if name == "404.html" or not address or re.match(r"data:|/", address):
                continue
            assert ((site / name).parent / address.partition("?")[0]).exists(), f"{name}: {address}"


def test_equations_are_mathml(site: Path) -> None:
    written = 0
    for document in (ROOT / "docs").glob("*.md"):
        count = len(re.findall(r"^\s*\$\$$", document.read_text(encoding="utf-8"), re.MULTILINE)) // 2
        page = (site / document.with_suffix(".html").name).read_text(encoding="utf-8")
        assert page.count("<math ") == count, document
        assert not re.search(r"^\s*\$\$|<p>\$\$", page, re.MULTILINE), document
        written += count
    assert written >= 8


def test_the_api_shows_every_public_name(site: Path) -> None:
    api = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    for name in set(ds.__all__) - {"__version__"}:
        # mkdocstrings puts the place where an object is defined; the name that users write must lead there too
        assert f'id="depthscope.{name}"' in api, name


def test_every_document_is_a_page_that_can_be_found(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    for document in (ROOT / "docs").rglob("*.md"):
        page = document.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert f'href="{page}"' in home or page == "index.html", f"{page} is not in the navigation"
    for page in ("surprises", "contributing", "changelog", "builtin-stimuli", "tutorial"):
        assert f'href="{page}.html"' in home, page


def test_the_tutorial_shows_what_its_cells_give(site: Path) -> None:
    page = (site / "tutorial.html").read_text(encoding="utf-8")
    assert page.count('src="tutorial-files/') >= 3
    assert 'class="output"' in page


@contextmanager
def opened_from(site: Path, place: str) -> Iterator[str]:
    """The address of the site: of its folder, or of a server."""
    if place == "folder":
        yield site.as_uri()
        return

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("place", "start"), [("folder", "index.html"), ("folder", "api/model.html"), ("server", "index.html")]
)
def test_the_search_finds_pages_and_asks_nobody_else(site: Path, chromium: Browser, place: str, start: str) -> None:
    with opened_from(site, place) as address:
        page = chromium.new_page()
        page.set_default_timeout(30_000)
        asked: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        try:
            page.goto(f"{address}/{start}")
            field, meta = page.locator("input.md-search__input"), page.locator(".md-search-result__meta")

            def ask(words: str) -> None:
                field.fill("")
                field.press_sequentially(words)  # the search listens to keys

            ask("sign flips")
            # each leads to a page of the site
            page.wait_for_selector(".md-search-result__link[href*='/cluster-test.html']")
            for link in page.locator(".md-search-result__link").evaluate_all("links => links.map(a => a.href)"):
                assert (site / link.removeprefix(f"{address}/").partition("?")[0].partition("#")[0]).is_file()
            # asked again, it answers again: that nothing is found is an answer too
            ask("xyzzyplugh")
            page.wait_for_function("/no matching/i.test(document.querySelector('.md-search-result__meta').innerText)")
            ask("perplexity")
            page.wait_for_function("/^[0-9]+ match/.test(document.querySelector('.md-search-result__meta').innerText)")
            assert meta.inner_text().endswith("matching documents")
            assert not [url for url in asked if not url.startswith((address, "data:"))]
            assert not problems
        finally:
            page.close()


@pytest.fixture
def hook() -> object:
    def load(name: str) -> ModuleType:
        spec = spec_from_file_location(name, ROOT / "docs" / "hooks" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_an_equation_that_mathml_lacks_is_refused(hook) -> None:
    equation = hook("mathml").equation
    assert "<mfrac>" in equation(r"\frac{1}{2}", "a page")
    for unknown in (r"\unheardof{x}", r"\begin{aligned} a &= b \end{aligned}"):
        with pytest.raises(PluginError, match="a page"):
            equation(unknown, "a page")


@pytest.mark.parametrize(
    ("document", "link", "becomes"),
    [
        ("README.md", "[x](docs/evidence.md#two-words)", "[x](evidence.md#two-words)"),
        ("README.md", "![x](docs/images/a.png)", "![x](images/a.png)"),
        ("README.md", "[x](CONTRIBUTING.md)", "[x](contributing.md)"),
        ("README.md", "[x](src/depthscope/cli/main.py)", "x"),
        ("docs/studies/mechanism.md", "[x](../../README.md#five-lines)", "[x](../index.md#five-lines)"),
        ("docs/reports.md", "[x](tutorial.ipynb)", "[x](tutorial.md)"),
        ("docs/api/model.md", "[x](../coverage.md)", "[x](../coverage.md)"),
        ("docs/studies/compare.md", "[x](https://example.org)", "[x](https://example.org)"),
        ("docs/studies/compare.md", "[x](#the-numbers)", "[x](#the-numbers)"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(hook, document, link, becomes) -> None:
    repository = hook("repository")
    own = repository.PAGES.get(document, document.removeprefix("docs/"))
    assert repository.relinked(link, document, own) == becomes


def test_messages_that_are_explained_are_said() -> None:
    """The tables of errors quote the source."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    joined = re.sub(r'"\s*\n\s*f?"', "", source)  # a message that is broken over lines
    explained = 0
    for document in DOCUMENTS:
        for table in re.findall(r"^\| it says \|.*\n(?:\|.*\n)+", document.read_text(encoding="utf-8"), re.MULTILINE):
            for row in table.splitlines()[2:]:
                assert row.split("|")[1].strip() in joined, f"{document.name}: {row}"
                explained += 1
    assert explained >= 10


def test_the_api_gives_the_defaults_of_the_signature(site: Path) -> None:
    text = re.sub(r"<[^>]+>", "", (site / "api" / "instrument.html").read_text(encoding="utf-8"))
    # two parameters that share a line of the docstring, and one that has no default though its choices begin with one
    assert re.search(r"scales\s+\(int \| Sequence\[float\] \| Float, default:\s+16\s+\)", text)
    assert re.search(r"padding\s+\(Padding, default:\s+&#39;zero&#39;\s+\)", text)
    assert re.search(r"kind\s+\(\(order, walk, rotation\)\)", text)

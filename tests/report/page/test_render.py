import base64
import hashlib
import json
import re

import pytest

from depthscope.report.page.content import Page, Section
from depthscope.report.page.render import HERE, LIBRARY, embedded, render
from depthscope.report.table import Cell, Table

EVIL = "</script><script>alert(1)</script>\"'&\u2028"


def page(**more):
    table = Table("t", EVIL, [EVIL], [[Cell(EVIL, EVIL)]])
    section = Section("s", EVIL, [EVIL], tables=[table])
    return Page(EVIL, [EVIL, EVIL], [section], about=EVIL, **more)


def test_nothing_that_is_told_becomes_markup():
    text = render(page(data={"d": {EVIL: [EVIL]}}))
    assert "<script>alert" not in text
    assert text.count("</script>") == text.count("<script")


def test_data_comes_back_as_it_was():
    value = {EVIL: [1.5, None, True, "שלום 🦈"]}
    assert json.loads(embedded(value)) == value
    assert not set("<>&\u2028") & set(embedded(value))
    with pytest.raises(ValueError, match="JSON"):
        embedded(float("nan"))  # no browser would read it


@pytest.mark.parametrize("charts", [[], ["curve"]])
def test_only_our_own_scripts_may_run_and_nothing_may_be_asked_for(charts):
    text = render(page(charts=charts))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1).replace("&#39;", "'")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    scripts = re.findall(r'<script(?: type="module")?>(.*?)</script>', text, re.DOTALL)
    digests = {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts}
    assert {f"'sha256-{digest}'" for digest in digests} == {
        one for one in rules["script-src"].split() if "sha256" in one
    }
    assert ("'unsafe-eval'" in rules["script-src"]) == bool(charts)
    assert "connect-src" not in rules  # falls back to none


@pytest.mark.parametrize("sound", [False, True])
def test_sounds_are_played_from_the_page_itself_where_there_are_any(sound):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', render(page(sound=sound))).group(1)
    assert ("media-src" in policy) == sound
    assert not sound or "media-src data:;" in policy


def test_sections_of_their_own_bring_their_style_after_ours(tmp_path, monkeypatch):
    place = tmp_path / "wing"
    (place / "assets").mkdir(parents=True)
    (place / "templates").mkdir()
    (place / "__init__.py").write_text("")
    (place / "assets" / "wing.css").write_text(".of-the-wing { color: var(--ink) }")
    monkeypatch.syspath_prepend(tmp_path)
    text = render(page(styles=["wing.css"], packages=["wing"]))
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    assert style.startswith(":root")
    assert style.endswith(".of-the-wing { color: var(--ink) }")


def test_the_library_comes_only_where_something_is_drawn():
    assert len(render(page())) < 60_000 < len(render(page(charts=["curve"])))


def test_scripts_of_others_are_those_that_are_named_and_come_with_their_licences():
    folder = HERE / "assets" / "vega"
    table = folder.joinpath("README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(.+?)` \| \[.+?\) (\S+) \| .+? \| `([0-9a-f]{64})` \|$", table, re.MULTILINE)
    assert [f"vega/{name}" for name, _, _ in named] == list(LIBRARY)
    text = render(page(charts=["curve"]))
    for name, version, digest in named:
        script = folder.joinpath(name).read_bytes()
        assert hashlib.sha256(script).hexdigest() == digest
        assert f'"{version}"' in script.decode()
        # all of it but a last line that would have a browser look for a file
        assert script.decode().partition("//# source")[0] in text
    assert "sourceMappingURL" not in text
    licences = folder.joinpath("LICENSES.txt").read_text(encoding="utf-8")
    assert licences in text
    for words in ("University of Washington Interactive Data Lab", "Mike Bostock", "fast-json-patch", "semver"):
        assert words in licences

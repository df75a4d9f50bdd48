"""Every block of code in the documents runs, or says why it does not."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import depthscope as ds
from depthscope.stimuli.builtin import BUILTIN, BuiltinSet, read_builtin
from depthscope.stimuli.sample import sample_items
from tests.docs.blocks import DOCUMENTS, LANGUAGES, ROOT, check_arguments, languages, parse, unknown_comments

# as many of the built-in items as let every block run in seconds
ITEMS = 12

WITH_BLOCKS = [path for path in DOCUMENTS if languages(path)]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, embedded: ds.Model) -> Path:
    """A finished run, as documents have it in runs/demo."""
    from depthscope.studies.contrast.settings import Settings
    from depthscope.studies.contrast.study import run_metaphor

    out = tmp_path_factory.mktemp("runs") / "demo"
    run_metaphor(Settings(sample=ITEMS, evidence="none"), out, progress=False, model=embedded)
    return out


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedded: ds.Model, demo: Path) -> Iterator[Path]:
    """A folder with a finished run; the built-in set cut to few items; the embedded model loaded once for all documents."""
    import matplotlib.pyplot as plt

    folder = tmp_path / "work"
    shutil.copytree(demo, folder / "runs" / "demo")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    plt.switch_backend("Agg")
    few = tmp_path / "builtin.csv"
    sample_items(read_builtin("builtin"), ITEMS).to_csv(few, index=False)
    monkeypatch.setitem(BUILTIN, "builtin", BuiltinSet("builtin", str(few), BUILTIN["builtin"].about))
    load = ds.load

    def once(source: Any, *arguments: Any, **options: Any) -> ds.Model:
        plain = source == "embedded" and not (arguments or options)
        return embedded if plain else load(source, *arguments, **options)

    monkeypatch.setattr(ds, "load", once)
    threads = torch.get_num_threads()
    yield folder
    torch.set_num_threads(threads)
    plt.close("all")


def run(document: Path) -> None:
    for example in parse(document).examples():
        example.evaluate()


@pytest.mark.parametrize("document", WITH_BLOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_run_from_top_to_bottom(document: Path, workplace: Path) -> None:
    run(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_block_escapes(document: Path) -> None:
    found = languages(document)
    assert set(found) <= set(LANGUAGES), f"tag every block: {', '.join(LANGUAGES)}"
    assert len(list(parse(document).examples())) == len(found)
    assert not unknown_comments(document)


@pytest.mark.parametrize(
    "wrong",
    [
        "<!-- not run: slow -->\n```sh\ndepthscope run metaphor --no-such-option\n```\n",
        "```sh\ndepthscope stimuli check no-such-file.csv\n```\n",
        "```sh\nmake no-such-target\n```\n",
        "```sh\npip install '.[no-such-extra]'\n```\n",
        "```sh\nno-such-program\n```\n",
        "```r\nlibrary(lme4)\n```\n",
        "```python\nprint(2)\n```\n\n<!-- output -->\n```text\n3\n```\n",
        "1. In a list:\n\n    ```python\n    assert False\n    ```\n",
    ],
)
def test_a_block_that_is_wrong_fails(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "document.md"
    path.write_text(wrong, encoding="utf-8")
    with pytest.raises(AssertionError):
        run(path)


def test_the_one_command_of_each_system_is_whole() -> None:
    """Those in the table of the README, which nothing runs."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [
        line for row in re.findall(r"^\|.*$", text, re.MULTILINE) for line in re.findall(r"`depthscope (.+?)`", row)
    ]
    assert len(found) >= 7
    for line in found:
        check_arguments(shlex.split(line))
        assert "--out" in line, line


def test_the_documents_hold_code() -> None:
    """So that the tests above are about something."""
    kinds = [language for document in DOCUMENTS for language in languages(document)]
    assert {language: kinds.count(language) >= 10 for language in ("python", "sh")} == {"python": True, "sh": True}


def test_the_document_of_the_run_folder_names_every_file(demo: Path) -> None:
    text = (ROOT / "docs" / "run-folder.md").read_text(encoding="utf-8")
    for path in demo.iterdir():
        assert f"`{path.name}" in text, path.name

"""What is cited is what stands in CITATION.cff, whole, and of this version."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import depthscope as ds

ROOT = Path(__file__).parents[1]
ABOUT = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_software_and_paper_are_cited_in_words():
    software, paper = ds.cite().text.split("\n")
    assert software.startswith("The depthscope founders (")
    for word in (ABOUT["title"], f"Version {ABOUT['version']}", ABOUT["license"]):
        assert word in software
    reference = ABOUT["references"][0]
    for word in (
        reference["title"],
        reference["url"],
        "(2026)",
        *(one["family-names"] for one in reference["authors"]),
    ):
        assert word in paper


def test_bibtex_has_both_entries_with_balanced_braces():
    text = ds.cite().bibtex
    assert re.findall(r"^@(\w+)\{(\w+),$", text, re.MULTILINE) == [("software", f"depthscope{ABOUT['date-released'].year}"),
                                                                   ("misc", "chakrabarti2026")]  # fmt: skip
    assert text.count("{") == text.count("}")
    assert "author = {{The depthscope founders}}," in text
    assert "author = {Chakrabarti and Johnson-Leung and Baumgaertner and Vakanski and Xian and Zhang}," in text
    assert str(ds.cite()) == f"{ds.cite().text}\n\n{text}"


def test_the_version_that_is_cited_is_this_one():
    assert ABOUT["version"] == ds.__version__


@pytest.mark.coverage
def test_an_installed_package_brings_along_the_file_and_the_documents(tmp_path):
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    documents = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/studies/*.md")]
    assert {"depthscope/CITATION.cff", *(f"depthscope/{path.relative_to(ROOT)}" for path in documents)} <= names

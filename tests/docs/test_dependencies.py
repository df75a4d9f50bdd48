"""The page of the dependencies and pyproject.toml say the same."""

import re
import tomllib
from importlib import metadata

import pytest

from tests.docs.blocks import ROOT

# of what pyproject.toml names, extras of depthscope itself are no packages
REQUIREMENT = re.compile(r"(?!depthscope\b)[\w.-]+")


def required() -> set[tuple[str, str]]:
    """(package, extra), as pyproject.toml has them; the extra "" is what is always installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        (found.group(), extra)
        for extra, requirements in groups.items()
        for requirement in requirements
        if (found := REQUIREMENT.match(requirement))
    }


def rows() -> list[tuple[str, list[str], str, str]]:
    """Package, extras, licence and reason of every row; the first table has no column of extras."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in re.findall(r"^\| `.*$", text, re.MULTILINE)
    ]
    return [
        (row[0].strip("` "), re.findall(r"`([\w-]+)`", row[1]) if len(row) == 4 else [""], row[-2], row[-1])
        for row in cells
    ]


def test_every_package_stands_there_with_its_extra_and_no_other() -> None:
    written = [(package, extra) for package, extras, _, _ in rows() for extra in extras]
    assert len(written) == len(set(written))
    assert set(written) == required()


@pytest.mark.parametrize(("package", "licence", "reason"), [(row[0], row[2], row[3]) for row in rows()])
def test_every_package_has_a_reason_and_the_licence_that_it_declares(package: str, licence: str, reason: str) -> None:
    assert reason
    try:
        declared = metadata.metadata(package).get("License-Expression")
    except metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    if declared:  # an expression joins the licences of what a package brings along
        assert licence in re.split(r" AND | OR ", declared)

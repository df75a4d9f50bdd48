"""The plan of the house, read from its source: one road, one folder per study, and no circle anywhere."""

import ast
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import depthscope as ds
from depthscope.studies.registry import WINGS

ROOT = Path(__file__).parents[1]
# what draws the picture of docs/architecture.md reads the source as these tests do
_SPEC = spec_from_file_location("house", ROOT / "docs" / "hooks" / "house.py")
house = module_from_spec(_SPEC)
_SPEC.loader.exec_module(house)
SOURCE, GROUND, ROAD, CONSOLE = house.SOURCE, house.GROUND, house.ROAD, house.CONSOLE
PACKAGE = "depthscope"
# what stands beside the wings, and finds them by name alone
BESIDE = ("registry", "reports", "opened")
FILES = ("command", "study", "results", "words", "figures", "page")
# a study that leaves no run folder needs no page of one
WITHOUT_RUN = {"coverage": ("command", "study", "results", "words")}
TRUNK = WINGS["metaphor"]
HEAVY = ("torch", "transformers", "pandas", "xarray", "scipy", "matplotlib", "numpy", "rich", "jinja2", "pyarrow")


MODULES, GRAPH = house.modules(), house.graph()


def wing_of(name: str) -> str | None:
    """The folder of the study that a module belongs to."""
    return next((folder for folder in WINGS.values() if name == folder or name.startswith(f"{folder}.")), None)


def stage_of(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def circles(graph: dict[str, list[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = [stack.pop()]
            while part[-1] != name:
                part.append(stack.pop())
            if len(part) > 1:
                found.append(sorted(part))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_a_circle_would_be_seen():
    assert circles({"a": ["b"], "b": ["c"], "c": ["b"], "d": ["a"]}) == [["b", "c"]]


def test_no_module_imports_itself_by_way_of_others():
    assert circles(GRAPH) == []


@pytest.mark.parametrize("stage", [*GROUND, *ROAD])
def test_lower_stages_know_nothing_of_higher_ones(stage):
    mine = [name for name in MODULES if stage_of(name) == stage]
    assert mine
    allowed = {*GROUND, *ROAD[: ROAD.index(stage) + 1]} if stage in ROAD else set(GROUND)
    for name in mine:
        strangers = {one for one in GRAPH[name] if stage_of(one) not in {*allowed, ""}}
        assert not strangers, f"{name} imports {strangers}"


def test_instruments_and_statistics_do_not_need_models():
    for name, used in GRAPH.items():
        if stage_of(name) in ("instrument", "statistics"):
            assert not {stage_of(one) for one in used} & {"model", "capture", "stimuli"}, name


def test_the_console_knows_no_step_of_the_road():
    for name in (one for one in MODULES if stage_of(one) == CONSOLE):
        assert {stage_of(one) for one in GRAPH[name]} <= {*GROUND, CONSOLE}, name


def test_nothing_imports_a_study_but_its_own_files_and_those_that_build_on_the_trunk():
    for name, used in GRAPH.items():
        own = wing_of(name)
        foreign = {one for one in used if wing_of(one) not in (None, own)}
        if own is not None:
            foreign = {one for one in foreign if wing_of(one) != TRUNK}
        # public names are made when they are asked for, from strings
        assert not foreign, f"{name} imports {foreign}"


def test_studies_use_the_core_and_the_registry_stands_above_them():
    allowed = {*GROUND, *ROAD, CONSOLE, ""}
    for name, used in GRAPH.items():
        if wing_of(name) is not None:
            strange = {one for one in used if wing_of(one) is None and stage_of(one) not in allowed}
            assert not strange, f"{name} imports {strange}"
    above = {f"{PACKAGE}.studies", *(f"{PACKAGE}.studies.{name}" for name in BESIDE)}
    assert {name for name in MODULES if stage_of(name) == "studies" and wing_of(name) is None} == above


@pytest.mark.parametrize("study", WINGS)
def test_a_study_is_a_folder_with_the_files_that_every_study_has(study):
    folder = WINGS[study]
    for file in WITHOUT_RUN.get(study, FILES):
        assert f"{folder}.{file}" in MODULES, f"{folder} has no {file}.py"


@pytest.mark.parametrize("study", WINGS)
def test_a_study_has_tests_and_a_page_in_the_documents(study):
    place = WINGS[study].split(".")[1:]
    assert list((ROOT / "tests").joinpath(*place).glob("test_*.py")), study
    assert (ROOT / "docs" / "studies" / f"{place[-1]}.md").is_file(), study


def test_the_picture_is_of_the_source_as_it_is():
    assert house.wings() == WINGS
    assert house.PICTURE.read_text(encoding="utf-8") == house.draw(), "python docs/hooks/house.py draws it again"


def test_every_folder_is_named_in_the_plan():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for folder in (p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"):
        assert f"`{folder}`" in text, folder


def left_by(code: str) -> list[str]:
    """Which heavy libraries a process has imported once it has run the code."""
    code = f"import sys\n{code}\nprint([m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ast.literal_eval(result.stdout)


def test_importing_costs_nothing_that_is_not_used():
    assert left_by("import depthscope") == []


def test_the_commands_of_all_studies_import_nothing_heavy():
    assert left_by("from depthscope.cli.main import build_parser; build_parser()") == []


def test_the_public_names_are_there():
    for name in ds.__all__:
        assert getattr(ds, name) is not None
    assert {"load", "read_stimuli", "trace", "cse", "scalogram", "contrast"} <= set(dir(ds))
    with pytest.raises(AttributeError, match="nothing"):
        ds.nothing  # noqa: B018 - asking is the point

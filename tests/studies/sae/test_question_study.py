"""The question from stimuli to page, on a random network whose contexts push the target's state along a known direction."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import depthscope as ds
from depthscope.capture.sites import Site
from depthscope.store.tables import read_csv
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.page import LAYOUT
from depthscope.studies.sae.question.study import QuestionRun, run_question
from depthscope.studies.sae.question.words import answer, words

LATENTS, LAYERS = 160, (2, 4)
NOUNS = "shark wall storm key river stone road light bird tree ship glass chain flame mirror seed"


def table() -> pd.DataFrame:
    """One context for each condition, so that its direction is the same for all items."""
    rows = [
        {"item": noun, "condition": condition, "text": f"{lead} {noun}.", "target": noun}
        for noun in NOUNS.split()
        for condition, lead in (("metaphor", "Her strange quiet anger was a"), ("literal", "Here we saw some big old"))
    ]
    return pd.DataFrame(rows)


def planted(model: ds.Model, layer: int, fingerprint: str = "") -> Dictionary:
    """Random latents; the first reads, and writes, what sets the two contexts apart."""
    states = ds.trace(model, table(), keep="states", progress=False)["states"].values[:, layer]
    direction = torch.from_numpy(states[::2].mean(0) - states[1::2].mean(0))
    middle = torch.from_numpy(states.mean(0))
    rows = torch.randn(LATENTS, model.width, generator=torch.Generator().manual_seed(layer))
    rows[0] = direction
    rows = torch.nn.functional.normalize(rows, dim=1)
    origin = Origin(model.name, fingerprint, Site("resid", layer))
    return Dictionary(rows, torch.zeros(LATENTS), rows.clone(), middle, TopK(24), origin=origin)


@pytest.fixture(scope="module")
def planted_ones(tiny: ds.Model) -> dict[str, Dictionary]:
    return {f"layer-{layer}": planted(tiny, layer, tiny.fingerprint) for layer in LAYERS}


@pytest.fixture(scope="module")
def finished(tiny: ds.Model, planted_ones: dict[str, Dictionary], tmp_path_factory: Any) -> QuestionRun:
    out = tmp_path_factory.mktemp("question") / "run"
    control = {"layer-2": planted(ds.untrained(tiny, 3), 2, "another")}
    return run_question(
        planted_ones,
        tiny,
        out,
        stimuli=table(),
        control=control,
        control_seed=3,
        draws=19,
        permutations=200,
        progress=False,
    )


def test_the_planted_latents_are_found(finished: QuestionRun) -> None:
    found = finished.found
    assert [one.layer for one in found.asked] == [2, 4]
    for one in found.asked:
        assert 0 in one.selectivity.firing.latents[one.selectivity.selective]
        assert one.selective
    assert found.found
    assert found.asked[0].controls.untrained is not None
    assert found.asked[1].controls.untrained is None


def test_what_is_in_the_folder(finished: QuestionRun) -> None:
    out = finished.folder
    for name, frame in finished.found.tables().items():
        pd.testing.assert_frame_equal(
            read_csv(out / name, keep_default_na=False, na_values=[""]), frame, check_dtype=False
        )
    profile = read_csv(out / "profile.csv")
    assert set(profile["directions"]) == {"followed", "matched", "random"}
    assert len(profile) == 2 * 3 * (6 + 7)
    assert {path.stem for path in (out / "figures").glob("*.svg")} == {"selectivity", "profile", "ablation"}
    record = json.loads((out / "run.json").read_text())
    assert record["study"] == "sae"
    assert record["results"]["found"] is True
    # the dictionaries know whose states they read, and that of the control says another
    (noticed,) = record["words"]["left_out"]
    assert "layer-2: trained on states of other weights" in noticed
    assert "untrained (seed 3)" in noticed
    page = (out / "report.html").read_text()
    for part in LAYOUT.parts[-3:]:
        assert part.title in page
    assert any("Latents fire more on metaphor" in line for line in finished.told)
    assert finished.plot().get_ylabel() == "dz of updates"


def test_a_folder_of_other_settings_is_left_alone(
    finished: QuestionRun, tiny: ds.Model, planted_ones: dict[str, Dictionary], refuses: Any
) -> None:
    options: dict[str, Any] = {"stimuli": table(), "draws": 19, "permutations": 200, "progress": False}
    with refuses("control"):
        run_question(planted_ones, tiny, finished.folder, **options)


def test_what_is_decided_and_how_it_is_said(finished: QuestionRun) -> None:
    """By the numbers that stand in the tables, whichever they are."""
    found = finished.found
    effects = read_csv(finished.folder / "effects.csv")
    contrast = effects[effects["of"] == found.main.name]
    decided = (contrast[["p", "matched_p", "directions_p", "random_p"]] <= 0.05).all(axis=1)
    assert found.changed.tolist() == decided.tolist()
    depth = read_csv(finished.folder / "depth.csv")
    assert found.placed.tolist() == (depth[["matched_p", "random_p"]] <= 0.05).all(axis=1).tolist()
    none = replace(found, main=replace(found.main, clusters=()))
    assert none.at_cluster is None
    assert "no difference in CSE" in answer(none, "m")[0]
    assert "not asked where" in answer(none, "m")[1]
    cluster = replace(found.main, clusters=(_cluster(),))
    for inside, outside in ((9.0, 0.0), (0.0, 9.0)):
        moved = replace(found, main=cluster, asked=[_moved(one, inside, outside) for one in found.asked])
        assert moved.at_cluster is (inside > outside)
        assert moved.changes_cse is (inside > outside)
        told = answer(moved, "m")[1]
        assert ("**sit where CSE differs**" in told) is (inside > outside)
        assert ("**without them the contrast of CSE changes**" in told) is (inside > outside)
    assert set(words(found)) == {"selective", "where", "without"}


def _cluster() -> Any:
    from depthscope.statistics.result import Cluster

    return Cluster(2, 4, 9.0, 0.01, 0.01, 0.01, 3, 0.5, 0.3, 0.7, 3)


def _moved(one: Any, own: float, others: float) -> Any:
    """As if the latents had so large an effect, and what is compared with them another."""
    change = one.ablation.of["contrast"]
    noise = np.random.default_rng(0).normal(size=19)
    window = replace(change.window, difference=own, p=0.001)
    contrast = replace(change, window=window, drawn=dict.fromkeys(change.drawn, others + noise))
    return replace(
        one,
        place=replace(one.place, likeness=own, drawn=dict.fromkeys(one.place.drawn, others + noise)),
        ablation=replace(one.ablation, of={**one.ablation.of, "contrast": contrast if own > others else change}),
    )


@pytest.mark.thorough
def test_a_finished_run_goes_on_to_the_same(
    finished: QuestionRun, tiny: ds.Model, planted_ones: dict[str, Dictionary], tmp_path: Path
) -> None:
    options: dict[str, Any] = {"stimuli": table(), "draws": 19, "permutations": 200, "progress": False}
    first, again = (run_question(planted_ones, tiny, tmp_path / "run", **options) for _ in range(2))
    for name, frame in first.found.tables().items():
        pd.testing.assert_frame_equal(again.found.tables()[name], frame)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dictionaries": {}}, ("no dictionary",)),
        ({"draws": 0}, ("draws",)),
        ({"contrast_of": "metaphor-nothing"}, ("metaphor-nothing",)),
        ({"width": 16}, ("reads 16 features", "has 32")),
        ({"site": Site("mlp", 2)}, ("layer-2-mlp", "of the stream")),
        ({"site": Site("resid", 9)}, ("layer 9", "6 blocks")),
        ({"name": "mine", "site": None}, ("mine", "do not say which layer")),
        ({"twice": True}, ("same layer",)),
        ({"control": 4}, ("control", "layer 4")),
    ],
)
def test_what_cannot_be_asked(
    tiny: ds.Model, tmp_path: Path, refuses: Any, change: dict[str, Any], said: tuple[str, ...]
) -> None:
    width = change.get("width", 32)
    rows = torch.eye(width)
    origin = Origin("", "", change.get("site", Site("resid", 2)))
    one = Dictionary(rows, torch.zeros(width), rows.clone(), torch.zeros(width), TopK(4), origin=origin)
    given = {change.get("name", "layer-2"): one}
    if "twice" in change:
        given["again"] = one
    if "control" in change:
        other = Dictionary(rows, torch.zeros(32), rows.clone(), torch.zeros(32), TopK(4))
        change = {**change, "control": {"layer-4": other}}
    options = {name: change[name] for name in ("dictionaries", "draws", "contrast_of", "control") if name in change}
    given = options.pop("dictionaries", given)
    with refuses(*said):
        run_question(given, tiny, tmp_path / "run", stimuli=table(), progress=False, **options)

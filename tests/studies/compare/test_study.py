"""Real run folders, compared: what is read is what was measured, and what is no run is refused."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import depthscope as ds
from depthscope.statistics.meta import pool
from depthscope.store.datasets import write_netcdf
from depthscope.studies.compare.results import MECHANISM
from depthscope.studies.compare.runs import read_runs
from depthscope.studies.compare.study import compare
from depthscope.studies.contrast.results import QUANTITY_NAMES
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.contrast.study import run_metaphor
from tests.conftest import tiny_llama
from tests.running import OWN, columns_told, lines_of, seal_again

FEW = {"permutations": 100, "resamples": 50}


@pytest.fixture(scope="session")
def runs(model, stimuli, tokenizer, made_once):
    """Two finished runs on the same items, of networks of ten and eight blocks: ``runs/tiny`` and ``runs/eight``."""

    def make(folder):
        # a covariate with a space in its name comes back from NetCDF in another way
        table = stimuli.rename(columns={"kind": "kind of word"})
        keep = [c for c in table if c in ("item", "condition", "text", "target", "arousal", "kind of word")]
        table[keep].to_csv(folder / "stimuli.csv", index=False)
        eight = ds.load(tiny_llama(len(tokenizer), blocks=8, width=64), tokenizer)
        for name, network in (("tiny", model), ("eight", eight)):
            settings = Settings(
                model=name, stimuli=str(folder / "stimuli.csv"), evidence="none", threads=1, contrast=FEW,
            )  # fmt: skip
            run_metaphor(settings, folder / name, progress=False, model=network)

    return made_once("compared", make)


@pytest.fixture
def copy(runs, tmp_path):
    """A copy of the runs that a test may spoil."""
    shutil.copytree(runs, tmp_path / "runs")
    return tmp_path / "runs"


def edit(folder, **changes):
    path = folder / "run.json"
    record = json.loads(path.read_text())
    for name, value in changes.items():
        part, _, key = name.partition("__")
        if key:
            record[part][key] = value
        else:
            record[part] = value
    path.write_text(json.dumps(record))


def test_what_is_read_is_what_the_runs_found(runs):
    found = compare([runs / "tiny", runs / "eight"])
    for m in found.models:
        written = pd.read_csv(runs / m.label / "contrasts.csv")
        written = written[written["contrast"] == "metaphor - literal"]
        for name in ("difference", "t", "p", "dz", "dz_low", "dz_high"):
            np.testing.assert_allclose(m.main.table[name], written[name], rtol=1e-12)
    assert [(m.label, m.depth) for m in found.models] == [("tiny", 10), ("eight", 8)]
    assert found.notes == ()
    assert len(found.joint.items) == found.models[0].main.n > 20
    assert found.models[1].window == (1, 4)


def test_what_hangs_on_no_weight_is_kept_by_item_and_compared(runs):
    run = ds.open_run(runs / "eight")
    expected = {
        "relative": ds.cse(run.trajectories, relative=True),
        "autocorrelation": ds.direction_autocorrelation(run.trajectories),
        **ds.slope(run.trajectories).data_vars,
    }
    assert set(run.relative) == set(expected) == set(QUANTITY_NAMES) - {"cse"}
    found = compare(runs)
    for name, values in expected.items():
        np.testing.assert_array_equal(run.relative[name].values, values.values)
        m = found.models[0]
        assert m.beside[name].effect == ds.contrast(run.relative[name], "metaphor-literal", **FEW).over(*m.window)
        both = [one.beside[name] for one in found.models]
        pooled = pool(np.array([one.g for one in both]), np.array([one.variance for one in both]))
        np.testing.assert_equal(vars(found.beside[name]), vars(pooled))
    assert "kind of word" in run.relative.coords


def test_runs_before_it_was_kept_are_told_and_compared_without(copy):
    (copy / "eight" / "relative.nc").unlink()
    seal_again(copy / "eight")
    found = compare(copy)
    assert [sorted(m.beside) for m in found.models] == [[], sorted(set(QUANTITY_NAMES) - {"cse"})]
    assert found.beside == {}
    (note,) = found.notes
    assert note.startswith("eight: no relative.nc is there, as in runs before 0.6.2, so that CSE relative to norms")
    assert not ds.open_run(copy / "eight").relative.data_vars
    (copy / "tiny" / "relative.nc").unlink()
    seal_again(copy / "tiny")
    found = compare(copy)
    assert found.notes[0].startswith("eight, tiny: no relative.nc")
    assert found.besides.empty


def test_quantities_of_other_items_are_damage(copy, refuses):
    path = copy / "eight" / "relative.nc"
    with xr.open_dataset(path, engine="scipy") as stored:
        data = stored.load()
    write_netcdf(data.isel(item=slice(1, None)), path)
    seal_again(copy / "eight")
    with refuses(str(path), "not of the items, conditions and layers of cse.nc"):
        compare(copy)


def test_a_folder_of_runs_is_all_of_them(runs):
    found = ds.compare(runs, depth=(0.3, 0.9), points=8)
    assert [m.label for m in found.models] == ["eight", "tiny"]
    assert found.depth == (0.3, 0.9)
    assert found.grid.size == 8
    assert "higher in" in str(found)


def test_another_contrast_can_be_asked_for(runs, refuses):
    found = compare(runs, contrast="(metaphor-literal)-(complex-anomalous)")
    assert found.name == "(metaphor - literal) - (complex - anomalous)"
    with refuses("eight", "metaphor-nothing"):
        compare(runs, contrast="metaphor-nothing")


def test_labels_come_back_as_they_were(runs):
    (one,), _ = read_runs([runs / "tiny"])
    written = xr.open_dataset(runs / "tiny" / "cse.nc", engine="scipy")["cse"]
    assert all(isinstance(v, str) for name in ("item", "condition") for v in one.h[name].values.tolist())
    assert "kind of word" in one.h.coords
    np.testing.assert_array_equal(one.h.values, written.values)


def test_a_models_folder_keeps_the_order_asked_and_names_what_failed(copy):
    results = {"tiny": "measured", "gone": "its weights are no weights", "eight": "measured"}
    (copy / "run.json").write_text(
        json.dumps({"schema": 1, "study": "models", "settings": {}, "status": "finished", "results": results})
    )
    found = compare(copy)
    assert [m.label for m in found.models] == ["tiny", "eight"]
    assert found.notes == ("gone is left out, it was not measured: its weights are no weights",)


def test_folders_of_one_name_are_told_apart(copy, tmp_path):
    (tmp_path / "other").mkdir()
    (copy / "eight").rename(tmp_path / "other" / "tiny")
    found = compare([copy / "tiny", tmp_path / "other" / "tiny"])
    assert [m.label for m in found.models] == ["runs/tiny", "other/tiny"]


def test_what_is_no_finished_run_is_refused(copy, tmp_path, refuses):
    with refuses("nowhere", "no such folder"):
        compare([copy / "tiny", tmp_path / "nowhere"])
    with refuses("stimuli.csv", "is a file"):
        compare(copy / "stimuli.csv")
    with refuses(str(tmp_path), "neither a run"):
        compare(tmp_path)
    with refuses("no run is named"):
        compare([])
    edit(copy / "eight", status="running")
    with refuses("eight", "is not finished", "leave it out"):
        compare(copy)
    edit(copy / "eight", status="finished", study="corpora")
    with refuses("eight", "neither a run"):
        compare([copy / "tiny", copy / "eight"])


@pytest.mark.parametrize("damage", ["truncated", "garbage", "gone", "record", "list", "schema", "depth"])
def test_damage_is_one_sentence(copy, refuses, damage):
    measure, record = copy / "eight" / "cse.nc", copy / "eight" / "run.json"
    whole = measure.read_bytes()
    if damage == "truncated":
        measure.write_bytes(whole[: len(whole) // 2])
    elif damage == "garbage":
        measure.write_bytes(b"no numbers at all")
    elif damage == "gone":
        measure.unlink()
    elif damage == "depth":
        with xr.open_dataset(measure, engine="scipy") as stored:
            data = stored.load()
        write_netcdf(data.drop_vars("relative_depth"), measure)
        seal_again(copy / "eight")
    else:
        record.write_text({"record": "{no json", "list": "[1, 2]", "schema": '{"schema": 99}'}[damage])
    with refuses(str(copy / "eight")):
        compare([copy / "tiny", copy / "eight"])


def test_a_measure_that_somebody_edited_is_refused_however_right_it_looks(copy, refuses):
    path = copy / "eight" / "cse.nc"
    with xr.open_dataset(path, engine="scipy") as stored:
        data = stored.load()
    write_netcdf(data.assign(cse=data["cse"] * 1.0000001), path)
    with refuses(str(path), "changed since the run wrote it", "put the original back"):
        compare(copy)


def test_a_table_that_the_run_did_not_write_is_not_read_and_one_that_changed_is_refused(copy, refuses):
    (copy / "tiny" / "mechanism.csv").write_text("key,dz\nmlp,1\n")
    assert compare(copy).mechanisms.empty
    parts(copy / "tiny")
    (copy / "tiny" / "mechanism.csv").write_text("key,dz\nmlp,1\n")
    with refuses("mechanism.csv", "changed since the run wrote it"):
        compare(copy)


def test_of_a_run_without_digests_it_is_said_that_nothing_can_be_checked(copy):
    edit(copy / "eight", files={}, environment__depthscope="0.6.0")
    notes = compare(copy).notes
    assert [note for note in notes if note.startswith("eight: The run was written by depthscope 0.6.0 without digests")]


@pytest.mark.parametrize("name", ["../tiny", "/etc", "a/../../b", ""])
def test_names_in_a_record_do_not_lead_out_of_its_folder(copy, refuses, name):
    record = {"schema": 1, "study": "models", "settings": {}, "status": "finished", "results": {name: "measured"}}
    (copy / "eight" / "run.json").write_text(json.dumps(record))
    with refuses(str(copy / "eight"), "no name of something inside the folder"):
        compare([copy / "eight"])


def test_the_same_model_twice_would_count_as_two(copy, refuses):
    shutil.copytree(copy / "tiny", copy / "again")
    with refuses("again", "tiny", "the same model twice"):
        compare(copy)


def test_runs_that_differ_are_noted_and_those_of_another_quantity_refused(copy, refuses):
    edit(copy / "eight", settings__subtoken="first", identity__stimuli="other")
    note = compare([copy / "tiny", copy / "eight"]).notes[0]
    assert note.startswith("eight differs from tiny in stimuli, target token: ")
    settings = json.loads((copy / "eight" / "run.json").read_text())["settings"]
    edit(
        copy / "eight",
        settings__cse={**settings["cse"], "wavelet": "haar"},
        settings__contrast={**settings["contrast"], "seed": 5},
    )
    found = compare([copy / "tiny", copy / "eight"])
    assert "cse.wavelet, contrast.seed" in found.notes[0]
    assert [m.main.settings["seed"] for m in found.models] == [0, 5]
    edit(copy / "eight", settings__cse={**settings["cse"], "signal": "norm"})
    with refuses("eight", "another quantity", "signal 'norm'", "'update'"):
        compare([copy / "tiny", copy / "eight"])


def test_a_run_without_the_conditions_is_refused(copy, refuses):
    path = copy / "eight" / "cse.nc"
    with xr.open_dataset(path, engine="scipy") as stored:
        data = stored.load()
    write_netcdf(data.assign_coords(condition=[f"not {c}" for c in data["condition"].values]), path)
    (copy / "eight" / "relative.nc").unlink()
    seal_again(copy / "eight")
    with refuses("eight", "metaphor"):
        compare([copy / "tiny", copy / "eight"])


def parts(folder, **columns):
    row = dict.fromkeys(MECHANISM, 0.5) | {"key": "mlp", "label": "of the MLPs", "n": 24} | columns
    pd.DataFrame([row]).to_csv(folder / "mechanism.csv", index=False)
    seal_again(folder)


def test_runs_of_a_mechanism_bring_their_table(copy, refuses):
    parts(copy / "tiny")
    parts(copy / "eight", dz=0.1)
    edit(copy / "eight", study="mechanism")
    found = compare(copy)
    assert found.mechanism["mlp"].k == 2
    assert list(found.mechanisms["model"]) == ["eight", "tiny"]
    (copy / "tiny" / "mechanism.csv").write_text("key,dz\nmlp,1\n")
    seal_again(copy / "tiny")
    with refuses("mechanism.csv", "without label, n"):
        compare(copy)
    (copy / "tiny" / "mechanism.csv").write_bytes(b"")
    seal_again(copy / "tiny")
    with refuses("mechanism.csv", "damaged"):
        compare(copy)


def with_heads(folder, count, found, blocks):
    """A table of heads: the first ``found`` contribute 2 each and surely, the others 1 with either sign."""
    rows = [
        {"layer": 1 + k % blocks, "head": 1 + k // blocks, "n": 24, "difference": 2.0 if k < found else (-1.0) ** k}
        for k in range(count)
    ]
    table = pd.DataFrame(rows).assign(p_holm=[0.01 if k < found else 0.9 for k in range(count)])
    table.to_csv(folder / "heads.csv", index=False)
    seal_again(folder)


def test_heads_are_counted_in_every_run_that_has_them_and_matched_in_none(copy, tmp_path, refuses):
    with_heads(copy / "tiny", count=20, found=5, blocks=10)
    found = compare(copy, out=tmp_path / "one")
    weighted = 2 * (1 + 2 + 3 + 4 + 5) + (6 + 7 + 8 + 9 + 10) + 55  # contributions times layers, two heads a layer
    assert found.heads.to_dict("records") == [
        {
            **{"label": "tiny", "heads": 20, "found": 5, "half": 8, "centre": pytest.approx(weighted / 10 / 25)},
            **{"largest_layer": 1, "largest_head": 1, "largest_depth": 0.1},
            **{"largest_difference": 2.0, "largest_share": pytest.approx(2 / 25)},
        }
    ]
    text = (tmp_path / "one" / "summary.md").read_text(encoding="utf-8")
    assert "tiny: 5 of 20 heads contribute (p <= 0.05 after Holm), 8 make half of all that is contributed" in text
    assert "Without heads: eight." in text
    with_heads(copy / "eight", count=16, found=0, blocks=8)
    assert list(compare(copy).heads["found"]) == [0, 5]
    assert "Without heads" not in str(compare(copy))
    (copy / "tiny" / "heads.csv").write_text("layer,head,difference\n1,1,2\n")
    seal_again(copy / "tiny")
    with refuses("heads.csv", "without p_holm"):
        compare(copy)
    (copy / "tiny" / "heads.csv").write_text("layer,head,difference,p_holm\n1,1,much,0.1\n")
    seal_again(copy / "tiny")
    with refuses("heads.csv", "words stand where numbers belong"):
        compare(copy)


def test_runs_without_heads_are_not_told_of_any(runs):
    assert compare(runs).heads.empty
    assert "eads" not in str(compare(runs))


def test_tables_of_another_contrast_are_left_out_with_a_note(copy):
    """What a contrast comes from is of the run's first one: asked the other way round, its signs would be wrong."""
    parts(copy / "tiny")
    with_heads(copy / "tiny", count=20, found=5, blocks=10)
    for name in ("literal-metaphor", "metaphor-complex"):
        other = compare(copy, contrast=name)
        assert other.heads.empty
        assert other.mechanisms.empty
        assert any("tiny: its mechanism.csv and heads.csv are of another contrast" in note for note in other.notes)
    assert not any("another contrast" in note for note in compare(copy, contrast="metaphor-literal").notes)


def test_a_folder_holds_everything_and_is_the_same_every_time(copy, tmp_path, refuses):
    parts(copy / "tiny")
    with_heads(copy / "tiny", count=20, found=5, blocks=10)
    first = compare(copy, out=tmp_path / "out", command="the command")
    names = {
        "summary.md",
        "models.csv",
        "depths.csv",
        "meta.csv",
        "mechanism.csv",
        "heads.csv",
        "relative-models.csv",
        "codebook.csv",
        "run.json",
        "figures",
    }
    assert lines_of("compare") == columns_told(tmp_path / "out", "compare") - OWN
    assert {p.name for p in (tmp_path / "out").iterdir()} == names | {"report.html", ".lock"}
    assert {p.name for p in (tmp_path / "out" / "figures").iterdir()} == {"compare.svg"}
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (record["study"], record["status"], record["command"]) == ("compare", "finished", "the command")
    assert record["settings"]["order"] == ["eight", "tiny"]
    assert record["identity"]["tiny.model"] != record["identity"]["eight.model"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "depths.csv"), first.depths, check_dtype=False)
    compare(copy, out=tmp_path / "again", command="the command")
    for path in sorted((tmp_path / "out").rglob("*.*")):
        if path.is_file() and path.name not in ("run.json", ".lock"):
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(tmp_path / "out")).read_bytes(), (
                path.name
            )
    with refuses("other settings", "depth"):
        compare(copy, depth=(0.1, 0.9), out=tmp_path / "out")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "letter.txt").write_text("mine")
    with refuses("holds other files", "letter.txt"):
        compare(copy, out=tmp_path / "strange")


def test_it_needs_no_torch():
    heavy = ["torch", "statsmodels", "matplotlib"]
    code = f"import sys, depthscope.studies.compare.study; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

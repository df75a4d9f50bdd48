"""A run folder holds what it promises, and agrees with the public interface."""

import inspect
import json
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

import depthscope as ds
from depthscope.store.datasets import digest
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.contrast.study import run_metaphor
from depthscope.studies.contrast.verdicts.quantities import quantities_words
from tests.running import record_of, results_of

pytestmark = pytest.mark.usefixtures("every_format")

CSE = {"scales": 8, "min_scales": 3}
CONTRAST = {"permutations": 200, "resamples": 50, "seed": 3}
CONTRASTS = ("metaphor-literal", "literal-metaphor")


@pytest.fixture(scope="module")
def settings(model_folder, tmp_path_factory):
    """Eleven items with a covariate, one of them with the same text up to the target."""
    rows = []
    words = ["shark", "wall", "storm", "key", "bridge", "anchor", "cage", "seed", "mirror", "engine"]
    for i, word in enumerate(words):
        rows.append((word, "metaphor", f"Her {'very ' * (i % 3)}quiet promise was a {word}.", 0.5 * i))
        rows.append((word, "literal", f"The {'very ' * (i % 3)}old sailor saw a {word}.", 0.5 * i))
    rows += [("river", "metaphor", "It is a river of grief.", 1.0), ("river", "literal", "It is a river of mud.", 1.0)]
    table = pd.DataFrame(rows, columns=["item", "condition", "text", "word frequency"]).assign(
        target=lambda t: t["item"]
    )
    path = tmp_path_factory.mktemp("stimuli") / "words.csv"
    table.to_csv(path, index=False)
    return Settings(
        model=str(model_folder),
        stimuli=str(path),
        contrasts=CONTRASTS,
        evidence="none",
        keep="states",
        cse=CSE,
        contrast=CONTRAST,
    )


@pytest.fixture(scope="module")
def finished(settings, tmp_path_factory):
    return run_metaphor(settings, tmp_path_factory.mktemp("runs") / "first", command="the command", progress=False)


@pytest.fixture(scope="module")
def trajectories(finished):
    with xr.open_zarr(finished.folder / "trajectories.zarr") as stored:
        return stored.load()


def test_the_folder_holds_everything_and_nothing_else(finished):
    figures = ["cse-by-condition", "relative"] + [
        f"{kind}-{a}-minus-{b}"
        for kind in ("difference", "items", "scalograms")
        for a, b in (("metaphor", "literal"), ("literal", "metaphor"))
    ]
    names = {str(path.relative_to(finished.folder)) for path in finished.folder.rglob("*") if path.is_file()}
    outside = {name for name in names if not name.startswith("trajectories.zarr/")}
    assert outside == {
        ".lock",
        "run.json",
        "cse.nc",
        "relative.nc",
        "layers.csv",
        "contrasts.csv",
        "clusters.csv",
        "items.csv",
        "scalograms.csv",
        "texts.csv",
        "relative.csv",
        "relative-layers.csv",
        "codebook.csv",
        "summary.md",
        "report.html",
        *(f"figures/{name}.{kind}" for name in figures for kind in ("png", "svg", "pdf")),
    }


def test_figures_are_whole_images(finished):
    for path in (finished.folder / "figures").iterdir():
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
        elif path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF-")
            assert path.read_bytes().rstrip().endswith(b"%%EOF")
        else:
            with Image.open(path) as image:
                image.load()
                assert min(image.size) > 300
                assert len(image.convert("L").getcolors(256)) > 2  # something is drawn


def test_the_trajectories_are_those_of_trace(settings, model, trajectories):
    table = pd.read_csv(settings.stimuli)
    traced = ds.trace(model, table, keep="states", progress=False)
    for name in traced.data_vars:
        np.testing.assert_array_equal(trajectories[name].values, traced[name].values, str(name))
    for name in set(table) - {"target"}:
        assert list(trajectories[name].values) == list(table[name]), name


def test_the_digest_in_the_record_is_that_of_the_store(finished, trajectories):
    restored = trajectories.set_coords("word frequency")
    assert record_of(finished.folder)["digests"]["trajectories"] == digest(restored)


def test_cse_in_the_folder_is_cse_of_the_trajectories(finished, trajectories):
    expected = ds.cse(trajectories, **CSE)
    with xr.open_dataset(finished.folder / "cse.nc", engine="scipy") as stored:
        assert stored["cse"].dims == ("item", "condition", "layer")
        np.testing.assert_array_equal(stored["cse"].values, expected.values)
        for name in ("item", "condition", "layer", "relative_depth", "valid_scales"):
            np.testing.assert_array_equal(stored[name].values, expected[name].values)
        assert stored["word frequency"].dims == ("item", "condition")
    xr.testing.assert_equal(finished.cse.drop_vars("word frequency"), expected)


def test_contrasts_and_clusters_agree_with_contrast(finished, trajectories):
    h = ds.cse(trajectories, **CSE)
    again = [ds.contrast(h, "metaphor", "literal", **CONTRAST), ds.contrast(h, "literal", "metaphor", **CONTRAST)]
    rows = pd.concat([c.to_dataframe() for c in again], ignore_index=True)
    stored = pd.read_csv(finished.folder / "contrasts.csv")
    pd.testing.assert_frame_equal(stored, rows, check_dtype=False, rtol=1e-12)
    assert (stored["n"] == 10).all()  # the river is left out
    clusters = pd.read_csv(finished.folder / "clusters.csv")
    assert [tuple(row) for row in clusters[["contrast", "first", "last", "p"]].to_numpy()] == [
        (c.name, k.first, k.last, k.p) for c in again for k in c.clusters
    ]


def test_a_row_per_text_and_layer_holds_cse_and_all_that_is_known_of_the_text(finished, trajectories):
    rows = pd.read_csv(finished.folder / "texts.csv")
    h = finished.cse
    assert len(rows) == int(np.isfinite(h).sum())
    assert list(rows)[:7] == ["item", "condition", "target", "layer", "relative_depth", "cse", "in_contrast"]
    by_hand = h.to_series().dropna()
    measured = rows.set_index(["item", "condition", "layer"])["cse"]
    pd.testing.assert_series_equal(measured.sort_index(), by_hand.sort_index(), check_exact=False, rtol=1e-14)
    texts = rows.drop_duplicates(["item", "condition"])
    for name in ("surprisal", "n_tokens", "token_index", "word frequency"):
        np.testing.assert_allclose(texts[name], trajectories[name].values)
    assert set(rows.loc[~rows["in_contrast"], "item"]) == {"river"}


def test_layers_hold_the_means_of_every_condition(finished):
    stored = pd.read_csv(finished.folder / "layers.csv").set_index(["condition", "layer"])
    for condition in ("metaphor", "literal"):
        mean = finished.cse.sel(condition=condition).mean("item", skipna=False)
        np.testing.assert_allclose(stored.loc[condition, "mean"], mean.values, rtol=1e-12)
        assert set(stored.loc[condition, "n"]) == {11}


def test_the_record_holds_settings_with_their_defaults_and_where_the_numbers_come_from(finished, model):
    record = record_of(finished.folder)
    assert record["status"] == "finished"
    assert record["command"] == "the command"
    options = inspect.signature(ds.cse).parameters.values()
    assert set(record["settings"]["cse"]) == {option.name for option in options if option.kind is option.KEYWORD_ONLY}
    assert record["settings"]["cse"].items() >= {"wavelet": "paul(4)", "scales": 8, "min_scales": 3}.items()
    assert record["settings"]["cse"].items() >= {"padding": "zero", "signal": "update", "periods": None}.items()
    assert record["settings"]["contrast"] == {
        "permutations": 200,
        "forming_p": 0.05,
        "alternative": "two-sided",
        "bound": 0.2,
        "seed": 3,
        "resamples": 50,
        "include_same_context": False,
        "inference": "flips",
        "splines": 0,
        "adjust": [],
    }
    assert record["settings"]["contrasts"] == list(CONTRASTS)
    assert record["identity"]["model"] == model.fingerprint
    assert record["environment"]["depthscope"] == ds.__version__
    assert {"torch", "transformers", "numpy", "scipy", "python", "machine", "device", "threads"} <= set(
        record["environment"]
    )
    assert set(record["timings"]) == {"load", "trace", "analyse", "report"}
    assert all(seconds >= 0 for seconds in record["timings"].values())
    assert set(record["checks"]) == set(model.checks)
    assert set(record["results"]) == {"metaphor - literal", "literal - metaphor"}


def test_the_summary_names_the_pair_that_was_left_out_and_the_command(finished):
    text = (finished.folder / "summary.md").read_text(encoding="utf-8")
    assert "1 pair(s) with the same text up to the target" in text
    assert "left out: river." in text
    assert "the command" in text


def test_a_terminal_is_told_what_hangs_on_no_weight(finished):
    words = quantities_words(finished.quantities)
    assert words
    assert [line for line in finished.told if str(line).rstrip(".") in words] == [f"{line}." for line in words]


def test_running_a_finished_folder_again_changes_nothing_but_the_clock(finished, settings, tmp_path):
    out = tmp_path / "again"
    shutil.copytree(finished.folder, out)
    before, chunk = results_of(out), out / "trajectories.zarr" / "gram" / "0.0.0"
    stamp = chunk.stat().st_mtime_ns
    run_metaphor(settings, out, progress=False)
    assert results_of(out) == before
    assert chunk.stat().st_mtime_ns == stamp  # read, not traced again


@pytest.mark.parametrize(("part", "harm"), [("gram/0.0.0", "removed"), ("item/0", "altered"), ("context/0", "removed")])
def test_harmed_trajectories_of_a_finished_run_are_refused(finished, settings, tmp_path, refuses, part, harm):
    out = tmp_path / "harmed"
    shutil.copytree(finished.folder, out)
    chunk = out / "trajectories.zarr" / part
    data = chunk.read_bytes()
    chunk.unlink() if harm == "removed" else chunk.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with refuses("trajectories.zarr", "damaged", "delete it and run again"):
        run_metaphor(settings, out, progress=False)


def test_deleting_harmed_trajectories_is_indeed_the_way_out(finished, settings, tmp_path):
    out = tmp_path / "mended"
    shutil.copytree(finished.folder, out)
    shutil.rmtree(out / "trajectories.zarr")
    run_metaphor(settings, out, progress=False)
    assert results_of(out) == results_of(finished.folder)


def test_a_record_written_by_other_libraries_is_not_continued(finished, settings, tmp_path, refuses):
    out = tmp_path / "old"
    shutil.copytree(finished.folder, out)
    record = record_of(out)
    record["environment"]["numpy"] = "1.0"
    (out / "run.json").write_text(json.dumps(record))
    with refuses(str(out), "numpy (1.0, now "):
        run_metaphor(settings, out, progress=False)


@pytest.mark.parametrize(
    ("part", "options", "word"),
    [
        ("contrast", {"permutations": 0}, "permutations"),
        ("contrast", {"alternative": "both"}, "alternative='both'"),
        ("cse", {"wavelet": "nonsense"}, "unknown wavelet 'nonsense'"),
        ("cse", {"periods": (2, 40)}, "does not fit a depth of 10"),
    ],
)
def test_settings_that_do_not_fit_fail_before_the_tracing(settings, tmp_path, refuses, part, options, word):
    with refuses(word):
        run_metaphor(replace(settings, **{part: options}), tmp_path / "out", progress=False)
    assert not (tmp_path / "out" / "run.json").exists()


def test_targets_at_the_first_position_are_remarked_upon(settings, tmp_path):
    table = pd.read_csv(settings.stimuli)
    table.loc[table["item"] == "wall", "text"] = ["wall of words.", "wall of stone."]
    table.to_csv(tmp_path / "first.csv", index=False)
    run = run_metaphor(replace(settings, stimuli=str(tmp_path / "first.csv")), tmp_path / "out", progress=False)
    text = (run.folder / "summary.md").read_text(encoding="utf-8")
    assert "2 target(s) stand at position 0" in text
    assert "(items wall)" in text


def test_evidence_copes_with_all_that_can_be_odd_about_a_table_and_a_model(model, tmp_path):
    """Several pairs per item, a control that few items have, unknown numbers, truth values, no logits to read."""
    rows = [
        {
            "item": word,
            "condition": condition,
            "pair": pair,
            "text": f"{start} {'very ' * ((i + k) % 3)}{end} a {word}.",
            "target": word,
            "arousal": None if i % 4 == 0 else i % 3 * k,
            "animate": (i + k) % 2 == 0,
        }
        for i, word in enumerate(["shark", "wall", "storm", "key", "bridge", "anchor", "cage", "seed", "mirror"])
        for pair, start in enumerate(["Her", "My"], 1)
        for k, (condition, end) in enumerate(
            [("metaphor", "old idea was"), ("literal", "dog saw"), ("rare", "one ate")]
        )
        if condition != "rare" or i < 3
    ]
    path = tmp_path / "odd.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    names = ("surprisal", "token_index", "arousal", "animate")
    asked = Settings(stimuli=str(path), confounds=names, contrast={"permutations": 100, "resamples": 20})
    run = run_metaphor(asked, tmp_path / "out", progress=False, model=replace(model, predicts=False))
    e = run.evidence
    assert e.main.n == 9
    assert [control.excess.n for control in e.controls] == [3]
    assert e.confounding[0].unusable == {"surprisal": "not known for any item"}
    assert {label: c.n for label, c in e.confounding[0].adjusted.items()} == {
        "token_index": 9,
        "arousal": 6,
        "animate": 9,
        "all": 6,
    }
    assert set(pd.read_csv(run.folder / "balance.csv")["covariate"]) == set(names)
    assert "surprisal" not in set(pd.read_csv(run.folder / "covariates.csv")["covariate"])
    table = (run.folder / "evidence.csv").read_text()
    assert "nan" not in table
    assert table.splitlines()[0].endswith(",difference,difference_low,difference_high,significant,cluster")


def test_an_unknown_level_of_evidence_is_refused_with_those_there_are(settings, tmp_path, refuses):
    with refuses("evidence='some'", "none, quick, full"):
        run_metaphor(replace(settings, evidence="some", model="no/such-model"), tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()

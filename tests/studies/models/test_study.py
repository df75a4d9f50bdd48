"""The study over models: two small ones of different depth, and one whose weights are damaged."""

import gc
import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from depthscope.errors import DepthscopeError
from depthscope.model.tokenizer import load_tokenizer
from depthscope.studies.contrast import start
from depthscope.studies.contrast.gathering import EFFORTS, Effort
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.contrast.study import run_metaphor
from depthscope.studies.models import study as models
from depthscope.studies.models.results import Studied, Unmeasured, compare_models
from depthscope.studies.models.study import folder_names, run_models
from depthscope.studies.models.words import verdicts
from depthscope.telling import plain
from tests.conftest import tiny_llama
from tests.running import OWN, columns_told, lines_of, record_of, results_of

SMALL = Effort(swaps=10, surrogates=1, untrained=0, joint=0, studies=0)


@pytest.fixture(scope="module", autouse=True)
def little_effort():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EFFORTS, "quick", SMALL)
        yield


@pytest.fixture(scope="module")
def shallow(tmp_path_factory):
    """Eight blocks, in a folder of the same name as that of ten."""
    folder = tmp_path_factory.mktemp("others") / "tiny"
    tokenizer, _ = load_tokenizer("embedded")
    tiny_llama(len(tokenizer), blocks=8, width=64).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def broken(model_folder, tmp_path_factory):
    """Everything that can be looked at cheaply is sound; the weights end in the middle."""
    folder = tmp_path_factory.mktemp("others") / "broken"
    shutil.copytree(model_folder, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:20_000])
    return folder


@pytest.fixture(scope="module")
def settings(stimuli, tmp_path_factory):
    path = tmp_path_factory.mktemp("stimuli") / "words.csv"
    stimuli[["item", "condition", "text", "target"]].to_csv(path, index=False)
    return Settings(stimuli=str(path), threads=1, sample=12, contrast={"permutations": 100, "resamples": 20})


@pytest.fixture(scope="module")
def names(model_folder, broken, shallow):
    return [str(model_folder), str(broken), str(shallow)]


@pytest.fixture(scope="module")
def finished(settings, names, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "run"
    return run_models(settings, names, out, command="the command", progress=False)


def test_every_model_has_the_run_it_would_have_alone(finished, settings, names, tmp_path):
    for label, name, depth in (("tiny", names[0], 10), ("tiny-2", names[2], 8)):
        assert (record_of(finished.folder / label)["study"], record_of(finished.folder / label)["status"]) == (
            "metaphor",
            "finished",
        )
        assert record_of(finished.folder / label)["settings"]["model"] == name
        alone = run_metaphor(replace(settings, model=name), tmp_path / label, command="the command", progress=False)
        assert results_of(finished.folder / label) == results_of(alone.folder)
        (m,) = [one for one in finished.outcomes if one.label == label]
        assert isinstance(m, Studied)
        assert (m.model, m.depth, m.width, m.model_class, m.quantization) == (
            name,
            depth,
            64,
            "LlamaForCausalLM",
            "none",
        )
        assert m.main.n == 12


def test_a_model_that_fails_leaves_the_others_and_its_row_says_why(finished, names):
    first, failed, last = finished.outcomes
    assert isinstance(failed, Unmeasured)
    assert (failed.label, failed.model) == ("broken", names[1])
    assert "its weights are damaged" in failed.reason
    assert [first.label, last.label] == ["tiny", "tiny-2"]
    table = pd.read_csv(finished.folder / "models.csv")
    assert list(table["label"]) == ["tiny", "broken", "tiny-2"]
    assert list(table["status"]) == ["measured", "failed", "measured"]
    assert table["reason"][1] == failed.reason
    assert failed.reason in (finished.folder / "summary.md").read_text(encoding="utf-8")
    assert failed.reason in plain(finished.told)
    assert record_of(finished.folder)["results"] == {"tiny": "measured", "broken": failed.reason, "tiny-2": "measured"}
    assert not (finished.folder / "broken").exists()


def test_the_folder_holds_the_comparison_beside_the_models(finished):
    names = {path.name for path in finished.folder.iterdir()}
    assert names == {
        ".lock",
        "run.json",
        "models.csv",
        "depths.csv",
        "codebook.csv",
        "summary.md",
        "report.html",
        "figures",
        "tiny",
        "tiny-2",
    }
    assert lines_of("models") == columns_told(finished.folder, "models") - OWN
    figures = {path.name for path in (finished.folder / "figures").iterdir()}
    assert figures == {"forest.svg", "depths.svg"}
    record = record_of(finished.folder)
    assert (record["study"], record["status"], record["command"]) == ("models", "finished", "the command")
    assert list(record["timings"]) == ["tiny", "broken", "tiny-2", "report"]


def test_what_is_told_and_written_is_the_comparison(finished):
    both = [one for one in finished.outcomes if isinstance(one, Studied)]
    rows = compare_models(both)
    np.testing.assert_equal([vars(row) for row in finished.rows], [vars(row) for row in rows])
    told, text = plain(finished.told), (finished.folder / "summary.md").read_text(encoding="utf-8")
    for sentence in verdicts(both, rows):
        assert sentence in told
        assert sentence in text
    assert told.count("run folder: ") == 1
    assert str(finished.folder) in told


@pytest.mark.thorough
def test_a_run_that_was_killed_between_models_goes_on_to_the_same_bytes(finished, settings, names, tmp_path):
    out = tmp_path / "run"

    def killed(settings, out, **more):
        if out.name == "tiny-2":
            raise KeyboardInterrupt
        return run_metaphor(settings, out, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "run_metaphor", killed)
        with pytest.raises(KeyboardInterrupt):
            run_models(settings, names, out, command="the command", progress=False)
    assert record_of(out)["status"] == "running"
    assert record_of(out / "tiny")["status"] == "finished"
    chunk = out / "tiny" / "trajectories.zarr" / "gram" / "0.0.0"
    stamp = chunk.stat().st_mtime_ns
    assert not (out / "models.csv").exists()

    run_models(settings, names, out, command="the command", progress=False)
    assert chunk.stat().st_mtime_ns == stamp
    for name in ("models.csv", "summary.md", "figures/forest.svg", "figures/depths.svg"):
        assert (out / name).read_bytes() == (finished.folder / name).read_bytes(), name
    for label in ("tiny", "tiny-2"):
        assert results_of(out / label) == results_of(finished.folder / label)


def test_a_model_that_was_mended_takes_its_place(settings, broken, model_folder, shallow, tmp_path):
    mended = tmp_path / "broken"
    shutil.copytree(broken, mended)
    settings, sources = replace(settings, evidence="none"), [str(mended), str(shallow)]
    one = run_models(settings, sources, tmp_path / "run", progress=False)
    assert [type(outcome) for outcome in one.outcomes] == [Unmeasured, Studied]
    # the first that worked chooses in its place
    assert one.rows[0].label == "tiny"
    shutil.copy(model_folder / "model.safetensors", mended)
    two = run_models(settings, sources, tmp_path / "run", progress=False)
    assert [outcome.label for outcome in two.outcomes if isinstance(outcome, Studied)] == ["broken", "tiny"]
    assert two.rows[0].label == "broken"


def test_whatever_a_network_raises_is_its_own_failure(settings, names, tmp_path, monkeypatch):
    def runs_out(settings, out, **more):
        if out.name == "tiny":
            raise RuntimeError("out of memory:\n  you tried to allocate 4 GiB")
        return run_metaphor(settings, out, **more)

    monkeypatch.setattr(models, "run_metaphor", runs_out)
    plain = replace(settings, evidence="none")
    outcome = run_models(plain, [names[0], names[2]], tmp_path / "run", progress=False).outcomes[0]
    assert outcome == Unmeasured("tiny", names[0], "RuntimeError: out of memory: you tried to allocate 4 GiB")


def test_a_full_disk_is_not_the_fault_of_a_model(settings, names, tmp_path, monkeypatch):
    def full(settings, out, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(models, "run_metaphor", full)
    with pytest.raises(OSError, match="No space"):
        run_models(settings, names, tmp_path / "run", progress=False)


def test_the_one_before_is_gone_when_the_next_is_loaded(settings, names, tmp_path, monkeypatch):
    seen, alive = [], []
    load = start.load_text

    def watched(*source, **options):
        alive.append(sum(one() is not None for one in seen))
        model = load(*source, **options)
        seen.append(weakref.ref(model.network))
        return model

    monkeypatch.setattr(start, "load_text", watched)
    gc.disable()  # only what the study itself releases
    try:
        plain = replace(settings, evidence="none")
        done = run_models(plain, [names[0], names[2]], tmp_path / "run", progress=False)
    finally:
        gc.enable()
    assert alive == [0, 0]
    # without evidence there is the contrast all the same
    assert [row.label for row in done.rows[:2]] == ["tiny", "tiny-2"]
    assert not any("covariates" in row.group for row in done.rows)


def test_none_that_works_is_an_error_that_leaves_nothing(settings, broken, tmp_path, refuses):
    with refuses("no model could be measured", "broken was not measured", "its weights are damaged"):
        run_models(settings, [str(broken)], tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_none_that_works_now_leaves_what_was_finished_before(finished, settings, names, tmp_path, refuses):
    """A run that was finished and cannot be continued is no failure of its model: it is not written over."""
    out = tmp_path / "run"
    shutil.copytree(finished.folder, out)
    before = (out / "models.csv").read_bytes()
    chunk = out / "tiny" / "trajectories.zarr" / "gram" / "0.0.0"
    chunk.write_bytes(b"harmed")
    with refuses("trajectories.zarr: damaged"):
        run_models(settings, names, out, command="the command", progress=False)
    assert (out / "models.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no/such-model", ["no/such-model", "offline"]),
        ("gone.gguf", ["gone.gguf"]),
        ("gemma-3-270m", ["gemma-3-270m: not fetched yet", "depthscope models get gemma-3-270m"]),
    ],
)
def test_a_model_that_is_not_there_is_told_before_the_first_is_traced(
    settings, names, tmp_path, refuses, monkeypatch, name, words
):
    if name.startswith("gemma"):
        monkeypatch.setenv("DEPTHSCOPE_CACHE", str(tmp_path / "empty"))
    with refuses(*words):
        run_models(settings, [names[0], name], tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_model_that_cannot_take_the_texts_is_told_before_the_first_is_traced(
    settings, model_folder, names, tmp_path, refuses
):
    short = tmp_path / "short"
    shutil.copytree(model_folder, short)
    config = short / "config.json"
    config.write_text(config.read_text().replace('"max_position_embeddings": 128', '"max_position_embeddings": 4'))
    with refuses(f"model {short}", "exceed the model's context of 4"):
        run_models(settings, [names[0], str(short)], tmp_path / "run", progress=False)
    encoder = tmp_path / "encoder"
    shutil.copytree(model_folder, encoder)
    config = encoder / "config.json"
    config.write_text(config.read_text().replace('"model_type": "llama"', '"model_type": "t5"'))
    with refuses("encoder: t5 is an encoder-decoder", "--stack"):
        run_models(settings, [names[0], str(encoder)], tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contrasts": ("metaphor-nonsense",)}, ["metaphor-nonsense"]),
        ({"confounds": ("stem",)}, ["confound 'stem'"]),
        ({"sample": 99}, ["sample=99"]),
    ],
)
def test_what_is_wrong_with_the_stimuli_is_said_first(settings, tmp_path, refuses, change, words):
    with refuses(*words):
        run_models(replace(settings, **change), ["no/such-model"], tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_folders_are_called_after_the_last_part_of_the_name_and_told_apart(tmp_path):
    paths = [tmp_path / "a" / "x", tmp_path / "b" / "x", tmp_path / "c" / "figures", tmp_path / "odd name $"]
    for path in paths:
        path.mkdir(parents=True)
    sources = ["gemma-3-270m", "org/x", *map(str, paths), "models.csv"]
    assert folder_names(sources) == dict(
        zip(["gemma-3-270m", "x", "x-2", "x-3", "figures-2", "odd_name_", "models.csv-2"], sources, strict=True)
    )


def test_a_folder_named_by_dots_is_called_by_its_own_name(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert folder_names(["."]) == {"here": "."}


def test_the_same_model_twice_is_refused_whatever_it_is_called(refuses, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x").mkdir()
    with refuses("embedded and smollm2-135m: the same model twice"):
        folder_names(["embedded", "smollm2-135m"])
    with refuses("the same model twice"):
        folder_names(["x", str(tmp_path / "x")])
    with refuses("models org/a: the same model twice"):
        folder_names(["org/a", "org/a"])
    with refuses("no model is named", "--models"):
        folder_names([])


def test_other_models_or_another_order_do_not_share_the_folder(finished, settings, names, refuses):
    with refuses("holds a run with other settings", "order (['tiny', 'broken', 'tiny-2'], now ['broken'"):
        run_models(settings, [names[1], names[0], names[2]], finished.folder, progress=False)
    with refuses("models.tiny-2"):
        run_models(settings, names[:2], finished.folder, progress=False)
    with pytest.raises(DepthscopeError, match="study"):
        run_metaphor(replace(settings, model=names[0]), finished.folder, progress=False)

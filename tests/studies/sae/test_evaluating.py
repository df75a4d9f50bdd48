"""``depthscope sae eval``: numbers beside their controls, in a run folder; of dictionaries of this model or another's files."""

import pandas as pd
import pytest
import torch

import depthscope as ds
from depthscope.studies.sae.evaluating import evaluate_sae
from depthscope.studies.sae.formats.write import save_sae
from depthscope.studies.sae.given import dictionaries_of, learnt_from, loading, model_name, other_weights
from depthscope.studies.sae.results import not_better, overview
from depthscope.studies.sae.showing import show_sae
from depthscope.studies.sae.study import train_sae
from depthscope.studies.sae.words import evaluated, scores_words
from tests.conftest import tiny_llama
from tests.running import strict_json
from tests.studies.sae.test_study import SMALL


@pytest.fixture(scope="module")
def trained(tiny, books, tmp_path_factory):
    place = tmp_path_factory.mktemp("trained")
    more = {**SMALL, "tokens": 2560, "rate": 0.01}
    runs = [train_sae(tiny, books, place / f"seed{seed}", layers=[2, 4], seed=seed, **more) for seed in (0, 1)]
    return [run.folder for run in runs]


@pytest.fixture(scope="module")
def measured(tiny, books, trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("measured") / "run"
    return evaluate_sae(
        trained[0], books, out, model=tiny, tokens=300, again=trained[1], probes=False, threads=1, progress=False
    )


def test_every_dictionary_has_its_numbers_beside_controls(measured):
    found = overview(measured.scores).set_index("dictionary")
    assert list(found.index) == ["layer-2", "layer-4", "layer-2 (again)", "layer-4 (again)"]
    assert (found["explained_variance"] > found["explained_variance_control"]).all()
    assert found["comes_back"].between(0, 1).all()
    assert found["comes_back_control"].between(0, 1).all()
    page = (measured.folder / "report.html").read_text(encoding="utf-8")
    assert "Explained variance by layer" in page
    assert "comes back" in page
    assert len(pd.read_csv(measured.folder / "latents.csv")) == 4 * 64


def test_what_is_finished_is_not_measured_again(measured, tiny, books, trained, monkeypatch):
    from depthscope.studies.sae import evaluating

    monkeypatch.setattr(evaluating, "evaluate", lambda *_, **__: pytest.fail("measured again"))
    again = evaluate_sae(
        trained[0],
        books,
        measured.folder,
        model=tiny,
        tokens=300,
        again=trained[1],
        probes=False,
        threads=1,
        progress=False,
    )
    pd.testing.assert_frame_equal(again.scores, measured.scores)


def test_the_command_takes_a_single_folder_and_says_one_document(depthscope, model_folder, books, tmp_path):
    model = ds.load(model_folder)
    made = train_sae(model, books, tmp_path / "sae", layers=[3], **SMALL)
    outcome = depthscope(
        "sae", "eval", made.folder / "layer-3", "--corpus", books, "--tokens", "200", "--no-probes", "--model", model_folder,
        "--out", tmp_path / "out", "--threads", "1", "--no-progress", "--json",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert {row["dictionary"] for row in strict_json(outcome.out)["scores"]} >= {"layer-3", "the mean"}


def test_dictionaries_are_found_by_where_they_lie(trained, tmp_path, refuses):
    assert list(dictionaries_of(trained[0])) == ["layer-2", "layer-4"]
    assert list(dictionaries_of(trained[0] / "layer-4")) == ["layer-4"]
    (tmp_path / "empty").mkdir()
    with refuses("empty"):
        dictionaries_of(tmp_path / "empty")


def test_the_model_is_the_one_that_the_files_say(trained, tmp_path, refuses):
    given = dictionaries_of(trained[0])
    assert model_name(given, None) == next(iter(given.values())).origin.model
    assert model_name(given, "stories-15m") == "stories-15m"
    nameless = ds.load_sae(trained[0] / "layer-2")
    nameless.origin = type(nameless.origin)()
    save_sae(nameless, tmp_path / "plain", format="saelens")
    with refuses("of which model", "--model"):
        model_name(dictionaries_of(tmp_path / "plain"), None)


def test_it_is_loaded_as_it_was_for_the_training(tiny, books, tmp_path):
    run = train_sae(tiny, books, tmp_path / "run", layers=[3], load={"dtype": "float32", "device": "cpu"}, **SMALL)
    given = dictionaries_of(run.folder)
    assert loading(given, None) == {"dtype": "float32"}
    assert loading(given, {"dtype": "bfloat16"}) == {"dtype": "bfloat16"}


def test_what_lets_a_model_run_code_is_not_for_a_file_to_say(trained):
    """A dictionary from elsewhere names its model, and could ask for its code and its pickles too."""
    given = dictionaries_of(trained[0])
    foreign = next(iter(given.values()))
    said = {"trust_remote_code": True, "allow_pickle": True, "dtype": "float32", "device": "cuda:7", "strange": 1}
    foreign.origin = type(foreign.origin)(model="x", more={"load": said})
    assert loading(given, None) == {"dtype": "float32"}
    assert loading(given, {"trust_remote_code": True}) == {"dtype": "float32", "trust_remote_code": True}


def test_text_that_was_learnt_from_is_not_called_held_out(trained, measured, books):
    """The fixture measures on the corpus of the training."""
    assert "was not held out" in measured.record.answer[-1]
    assert learnt_from(dictionaries_of(trained[0]), "another text") == []


def test_another_way_of_cutting_the_text_is_another_run(trained, tiny, books, measured, refuses):
    more = {"model": tiny, "tokens": 300, "again": trained[1], "probes": False, "threads": 1, "progress": False}
    with refuses("other settings", "split"):
        evaluate_sae(trained[0], books, measured.folder, split="line", **more)


@pytest.mark.parametrize("action", ["eval", "show", "question"])
def test_a_seed_is_no_negative_number(depthscope, trained, books, tmp_path, action):
    corpus = () if action == "question" else ("--corpus", books)
    outcome = depthscope("sae", action, trained[0], *corpus, "--seed", "-1", "--out", tmp_path / "out.html")
    assert "--seed -1" in outcome.sentence


def test_other_weights_are_told(trained, tiny, tokenizer):
    given = dictionaries_of(trained[0])
    assert other_weights(given, tiny) == []
    with torch.no_grad():
        network = tiny_llama(len(tokenizer))
        network.model.layers[0].mlp.up_proj.weight.mul_(1.01)
    assert "other weights" in other_weights(given, ds.load(network, tokenizer))[0]


def test_what_is_no_better_than_its_control_is_told():
    rows = [("layer-2", "explained_variance", 0.5, True), ("layer-2", "kl", 0.5, False), ("layer-2", "l0", 4.0, None)]
    scores = pd.DataFrame(
        [{"dictionary": name, "kind": "dictionary", "score": score, "value": value, "low": value, "high": value,
          "control_value": 0.2, "beats_control": beats} for name, score, value, beats in rows]
    )  # fmt: skip
    assert list(not_better(scores)["score"]) == ["kl"]
    assert scores_words(scores) == ["No better than its control: kl of layer-2."]
    assert "50.0% of the variance" in evaluated(scores, "m")[0]


def test_where_a_page_cannot_be_is_told_before_anything_is_loaded(trained, books, tmp_path, refuses):
    with refuses("no folder", "make it first"):
        show_sae(trained[0], tmp_path / "none" / "page.html", model="no such model", corpus=books)


def test_the_examples_that_are_shown_are_drawn_by_the_seed(trained, tiny, books, tmp_path):
    pages = {}
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        show_sae(trained[0], tmp_path / f"{name}.html", model=tiny, corpus=books, seed=seed, progress=False)
        # without the settings, which say the seed
        pages[name] = (tmp_path / f"{name}.html").read_text(encoding="utf-8").split("Versions and machine")[1]
    assert pages["one"] == pages["same"]
    assert pages["one"] != pages["other"]

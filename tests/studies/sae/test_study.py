"""``depthscope sae train``: a run folder with dictionaries that others read, killed and resumed to the same bits."""

import argparse
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch

import depthscope as ds
from depthscope.capture.parts import Cut
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.corpus.memory import TextCorpus
from depthscope.corpus.read import read_corpus
from depthscope.studies.sae.command import _size
from depthscope.studies.sae.first_tokens import first_tokens
from depthscope.studies.sae.formats.load import dictionaries_in
from depthscope.studies.sae.results import Training
from depthscope.studies.sae.study import Asked, train_sae
from depthscope.studies.sae.training.trainer import Trainer
from depthscope.studies.sae.words import caution
from tests.conftest import tiny_llama
from tests.running import record_of, strict_json

SMALL = {
    "latents": [64],
    "k": [4],
    "batch": 64,
    "buffer": 256,
    "window": 32,
    "tokens": 640,
    "progress": False,
    "threads": 1,
}
OPTIONS = (
    "--latents",
    "64",
    "--k",
    "4",
    "--batch",
    "64",
    "--buffer",
    "256",
    "--window",
    "32",
    "--threads",
    "1",
    "--no-progress",
)


@pytest.fixture(scope="module")
def trained(tiny, books, tmp_path_factory):
    return train_sae(tiny, books, tmp_path_factory.mktemp("sae") / "run", layers=[2, 4], **SMALL)


def test_each_dictionary_is_a_folder_and_the_page_shows_them(trained):
    assert [path.name for path in dictionaries_in(trained.folder)] == ["layer-2", "layer-4"]
    page = (trained.folder / "report.html").read_text(encoding="utf-8")
    assert "layer-4" in page
    assert "What the dictionaries explain while they learn" in page
    summary = (trained.folder / "summary.md").read_text(encoding="utf-8")
    arrived = trained.dictionaries.set_index("dictionary")["explained"]["layer-4"]
    assert f"{arrived:.3f}" in summary
    assert set(trained.dictionaries["dictionary"]) == {"layer-2", "layer-4"}
    assert (trained.dictionaries["tokens"] == 640).all()
    assert not list(trained.folder.glob("*.shards"))
    assert record_of(trained.folder)["status"] == "finished"


def test_a_dictionary_knows_where_it_comes_from(trained, tiny):
    sae = trained.load("layer-4")
    assert sae.origin.site == Site("resid", 4)
    assert sae.origin.model == tiny.name
    assert sae.origin.fingerprint == tiny.fingerprint
    assert (sae.latents, sae.width, sae.activation.k) == (64, 32, 4)
    assert torch.allclose(sae.decoder.norm(dim=1), torch.ones(64))


def test_it_explains_the_states_that_it_learnt_from(trained, tiny, books):
    """In the units of the stream, not in those of the training: what was scaled is folded back."""
    windows = [w for part in Cut(32, 0, 10**6).parts(read_corpus(books), tiny.tokenizer) for w in part.windows]
    sae = trained.load("layer-4")
    states = torch.cat([read.states[Site("resid", 4)] for read in Taps(tiny, [Site("resid", 4)]).read(windows)])
    given = sae.reconstruct(states)
    explained = 1 - float(((given - states) ** 2).sum() / ((states - states.mean(0)) ** 2).sum())
    last = trained.dictionaries.set_index("dictionary")["explained"]["layer-4"]
    assert explained == pytest.approx(last, abs=0.1)


def test_what_is_finished_is_not_trained_again(trained, tiny, books, monkeypatch):
    monkeypatch.setattr(Trainer, "train", lambda *_, **__: pytest.fail("trained again"))
    again = train_sae(tiny, books, trained.folder, layers=[2, 4], **SMALL)
    pd.testing.assert_frame_equal(again.dictionaries, trained.dictionaries)


def test_other_settings_are_another_run(trained, tiny, books, refuses):
    with refuses("other settings", "--out"):
        train_sae(tiny, books, trained.folder, layers=[2, 4], **{**SMALL, "k": [5]})


def test_interrupted_and_run_again_the_dictionaries_are_the_same_to_the_bit(tiny, books, tmp_path, monkeypatch):
    whole = train_sae(tiny, books, tmp_path / "whole", layers=[3], **SMALL)
    step = Trainer.step

    def interrupted(self, batch, number, steps):
        if number == 7:
            raise KeyboardInterrupt
        return step(self, batch, number, steps)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_sae(tiny, books, tmp_path / "killed", layers=[3], save_every=0, **SMALL)
    assert not (tmp_path / "killed" / "layer-3").exists()
    again = train_sae(tiny, books, tmp_path / "killed", layers=[3], **SMALL)
    same(whole.folder, again.folder)


def same(whole, killed):
    one, other = (ds.load_sae(folder / "layer-3").state_dict() for folder in (whole, killed))
    assert all(torch.equal(one[key], other[key]) for key in one)
    for table in ("training.csv", "dictionaries.csv", "norms.csv"):
        assert (whole / table).read_bytes() == (killed / table).read_bytes()


@pytest.mark.thorough
def test_killed_and_run_again_the_dictionaries_are_the_same_to_the_bit(model_folder, books, tmp_path):
    words = [
        sys.executable,
        "-m",
        "depthscope",
        "sae",
        "train",
        "--model",
        model_folder,
        "--layers",
        "3",
        "--corpus",
        books,
    ]
    words += ["--tokens", "6400", "--save-every", "0", *OPTIONS]
    whole = subprocess.run([*words, "--out", tmp_path / "whole"], capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen([*words, "--out", tmp_path / "killed"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    checkpoint = tmp_path / "killed" / "training.shards" / "checkpoint.safetensors"
    while process.poll() is None and not checkpoint.is_file():
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "killed" / "layer-3").exists()
    again = subprocess.run([*words, "--out", tmp_path / "killed"], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    same(tmp_path / "whole", tmp_path / "killed")


def test_a_transcoder_goes_from_one_part_to_another(tiny, books, tmp_path):
    run = train_sae(
        tiny,
        books,
        tmp_path / "run",
        layers=[3],
        site="mlp-in",
        to="mlp",
        skip=True,
        rate=0.01,
        **{**SMALL, "tokens": 3200},
    )
    sae = run.load("layer-3-mlp-in-to-mlp")
    assert (sae.origin.site, sae.origin.target) == (Site("mlp-in", 3), Site("mlp", 3))
    assert sae.skip is not None
    assert run.dictionaries["explained"].item() > 0


def test_the_null_is_of_the_same_network_with_random_weights(tiny, books, tmp_path):
    sae = train_sae(tiny, books, tmp_path / "run", layers=[3], random_weights=1, **SMALL).load("layer-3")
    assert sae.origin.model.endswith("untrained (seed 1)")
    assert sae.origin.fingerprint == ds.untrained(tiny, 1).fingerprint != tiny.fingerprint


def test_several_sizes_are_several_dictionaries(tiny, books, tmp_path):
    run = train_sae(tiny, books, tmp_path / "run", layers=[3], **{**SMALL, "latents": [32, 64], "k": [2, 4]})
    assert list(run.dictionaries["dictionary"]) == [f"layer-3-n{n}-k{k}" for n in (32, 64) for k in (2, 4)]


def test_the_command_answers_with_one_document(depthscope, model_folder, books, tmp_path):
    outcome = depthscope(
        "sae", "train", "--model", model_folder, "--layers", "3", "--corpus", books, "--tokens", "640", "--out",
        tmp_path / "run", *OPTIONS, "--json",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    document = strict_json(outcome.out)
    assert document["dictionaries"][0]["dictionary"] == "layer-3"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--layers", "11"), ("layer-11", "10 blocks")),
        (("--k", "100"), ("100", "64")),
        (("--tokens", "12"), ("12 tokens", "batch of 64")),
        (("--batch", "512"), ("512",)),
        (("--normalization", "layer", "--to", "nowhere"), ("nowhere",)),
        (("--corpus", "/no/such/folder"), ("/no/such/folder",)),
        (("--auxk", "0"), ("--auxk 0",)),
        (("--ema", "1"), ("--ema 1",)),
        (("--activation", "relu", "--penalty", "nan"), ("--penalty nan",)),
        (("--activation", "relu"), ("--k 4", "relu")),
        (("--to", "resid"), ("--to resid", "no transcoder")),
        (("--save-every", "nan"), ("--save-every nan",)),
        (("--token-budget", "0"), ("--token-budget 0",)),
        (("--random-weights", "-1"), ("--random-weights -1",)),
    ],
    ids=[
        "no such layer",
        "more active than there are",
        "too few tokens",
        "batch above the buffer",
        "no site",
        "no corpus",
        "no latents for AuxK",
        "an average of the past alone",
        "a penalty that is none",
        "k of an activation without",
        "no transcoder",
        "no seconds",
        "no tokens in a pass",
        "no seed",
    ],
)
def test_bad_input_is_one_sentence(depthscope, model_folder, books, tmp_path, more, words):
    given = [
        "sae",
        "train",
        "--model",
        model_folder,
        "--corpus",
        books,
        "--tokens",
        "640",
        "--out",
        tmp_path / "run",
        *OPTIONS,
    ]
    sentence = depthscope(*given, *more).sentence
    assert all(word in sentence for word in words), sentence
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["inf", "nan", "-5K", "0", "1.5", "K", ""])
def test_a_number_of_tokens_is_a_whole_one(text):
    with pytest.raises(argparse.ArgumentTypeError, match="whole number above 0"):
        _size(text)


@pytest.mark.parametrize("name", ["layers", "latents", "k"])
def test_none_of_something_is_refused(refuses, name):
    with refuses(f"{name}=", "at least one"):
        Asked(**{name: ()})


def test_states_are_kept_in_a_folder(tiny, books, tmp_path, refuses):
    (tmp_path / "file").write_text("")
    with refuses("file", "no folder", "choose another"):
        train_sae(tiny, books, tmp_path / "run", states=tmp_path / "file", **SMALL)
    (tmp_path / "states").mkdir()
    (tmp_path / "states" / "states.json").write_text("{")
    with refuses("states.json", "damaged"):
        train_sae(tiny, books, tmp_path / "run", states=tmp_path / "states", **SMALL)


def test_the_first_token_is_like_no_other(tokenizer):
    """Planted: its state is 50 times as long, so that it would be most of the loss."""
    model = ds.load(tiny_llama(len(tokenizer)), tokenizer)
    text = "Yesterday the boat left the harbour, and nobody had seen the lamp on the stone by the garden door."
    windows = [w for p in Cut(64, 0, 10**6).parts(TextCorpus("one", {"a": text}), tokenizer) for w in p.windows]
    first = int(windows[0].ids[0])
    plain = first_tokens(Taps(model, [Site("resid", 0)]), windows).iloc[0]
    with torch.no_grad():
        model.network.get_input_embeddings().weight[first] *= 50
    found = first_tokens(Taps(model, [Site("resid", 0)]), windows).iloc[0]
    assert plain["share"] < 0.2
    assert found["share"] > 0.8
    assert found["left_out"] == pytest.approx(50 * plain["left_out"], rel=1e-3)
    assert found["tokens"] == pytest.approx(1 / sum(len(w.ids) for w in windows))


def curve(values, dead=0.0):
    steps = np.arange(1, len(values) + 1)
    return pd.DataFrame(
        {"dictionary": "layer-3", "step": steps, "tokens": steps * 10, "loss": values, "normalized_mse": values,
         "explained": 1 - np.array(values), "l0": 4.0, "dead": dead, "gradient": 1.0}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "falls"), [(np.geomspace(1, 0.1, 90), True), (np.r_[np.linspace(1, 0.2, 30), [0.2] * 60], False)]
)
def test_whether_it_still_learns_is_told(values, falls):
    table = pd.DataFrame({"dictionary": ["layer-3"], "site": ["layer-3"], "tokens": [900], "readings": [1.0]})
    training = Training(table, curve(values, dead=0.3), pd.DataFrame())
    assert bool(training.still_learning) is falls
    assert training.much_dead == ["layer-3"]
    told = " ".join(caution(training))
    assert ("Still learning" in told) is falls
    assert "dead" in told

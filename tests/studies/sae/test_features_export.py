"""What is written for tools of automated interpretation, read again by the rules that these follow."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import depthscope as ds
from depthscope.capture.sites import Site
from depthscope.corpus.memory import TextCorpus
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.features.export.delphi import _rows, write_delphi
from depthscope.studies.sae.features.export.neurons import write_neurons
from tests.studies.sae.shown_features import DEAD, PLANTED, TOKEN, made_index, word

WIDTH, LENGTH = 32, 64
SITE = Site("resid", 3)
# as neuron_explainer.activations.activations has them; a key that is none of them is an error there
NEURON = {
    *("neuron_id", "random_sample", "random_sample_by_quantile", "quantile_boundaries", "mean", "variance", "skewness"),
    *("kurtosis", "most_positive_activation_records"),
}


@pytest.fixture(scope="module")
def corpus() -> TextCorpus:
    rng = np.random.default_rng(0)
    words = ("shark", "wall", "storm", "lawyer", "hedge", "key", "bridge", "the", "a", "of")
    return TextCorpus("three books", {f"book {k}": " ".join(rng.choice(words, 150)) for k in range(3)})


@pytest.fixture(scope="module")
def sae() -> Dictionary:
    rows = torch.nn.functional.normalize(torch.randn(50, WIDTH, generator=torch.Generator().manual_seed(0)), dim=-1)
    origin = Origin(model="tiny", fingerprint="abc", site=SITE)
    return Dictionary(rows.clone(), torch.zeros(50), rows, torch.zeros(WIDTH), TopK(4), origin=origin)


def test_a_cache_of_delphi_holds_whatever_fires(
    tiny: ds.Model, sae: Dictionary, corpus: TextCorpus, tmp_path: Path
) -> None:
    (folder,) = write_delphi(tiny, sae, corpus, tmp_path, tokens=350, length=LENGTH, splits=3, progress=False)
    assert folder == tmp_path / "latents" / "layer-3"
    rows = list(_rows(corpus, tiny, LENGTH))[:6]
    ids = torch.tensor(np.stack([row.ids for row in rows]))
    states: dict[int, torch.Tensor] = {}
    with tiny.listening(lambda layer, state: states.update({layer: state})):
        tiny.run_trunk(ids)
    dense = sae.encode(states[3]).dense().detach().numpy()
    dense[:, 0] = 0  # where models park attention
    found = np.zeros_like(dense)
    files = sorted(folder.glob("*.safetensors"), key=lambda path: int(path.stem.split("_")[0]))
    assert [path.stem for path in files] == ["0_15", "16_32", "33_49"]
    for path in files:
        whole = load_file(path)
        np.testing.assert_array_equal(whole["tokens"], ids)
        assert whole["locations"].dtype == np.uint16
        assert whole["activations"].dtype == np.float16
        row, position, latent = whole["locations"].astype(np.int64).T
        latent += int(path.stem.split("_")[0])
        assert (np.diff(row * LENGTH + position) >= 0).all()
        found[row, position, latent] = whole["activations"]
    np.testing.assert_allclose(found, dense, rtol=2e-3, atol=2e-5)
    about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert about["model_name"] == tiny.name
    assert (about["model"], about["model_fingerprint"]) == ("tiny", "abc")
    assert (about["site"], about["hook_name"], about["module"]) == ("layer-3", "blocks.2.hook_resid_post", "layers.2")
    assert about["cache_ctx_len"] == LENGTH
    assert about["n_tokens"] == ids.numel()
    assert [path.name for path in (tmp_path / "latents").iterdir()] == ["layer-3"]


def test_what_no_cache_can_be_made_of(
    tiny: ds.Model, sae: Dictionary, corpus: TextCorpus, tmp_path: Path, refuses: Any
) -> None:
    with refuses("length=50", "multiple of 32"):
        write_delphi(tiny, sae, corpus, tmp_path, length=50)
    with refuses("length=512", "at most 128"):
        write_delphi(tiny, sae, corpus, tmp_path, length=512)
    with refuses("no document has 64 tokens"):
        write_delphi(tiny, sae, TextCorpus("short", {"a": "a word"}), tmp_path, length=64)
    (tmp_path / "file").touch()
    with refuses("no folder can be made"):
        write_delphi(tiny, sae, corpus, tmp_path / "file" / "x", length=64)


def test_records_of_neurons_are_the_cards(tmp_path: Path, refuses: Any) -> None:
    index = made_index()
    paths = write_neurons(index, tmp_path / "neurons")
    assert [path.name for path in paths] == ["layer-3.jsonl", "layer-5.jsonl"]
    for name, path, layer in zip(index.features, paths, (2, 4), strict=True):
        # the line ends of tokens are inside strings
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert [one["neuron_id"]["neuron_index"] for one in records] == [i for i in range(30) if i != DEAD]
        for one in records:
            assert one.keys() - {"dataclass_name"} == NEURON
            assert one["neuron_id"]["layer_index"] == layer
            card = index.card(one["neuron_id"]["neuron_index"], name)
            top = one["most_positive_activation_records"]
            assert [record["tokens"] for record in top] == [card.pieces(seen) for seen in card.top]
            assert max(max(record["activations"]) for record in top) == pytest.approx(card.maximum)
            assert all(len(record["tokens"]) == len(record["activations"]) for record in top)
            assert len(one["random_sample_by_quantile"]) == len(one["quantile_boundaries"]) + 1
            peaks = [max(record["activations"]) for (record,) in one["random_sample_by_quantile"]]
            assert len(peaks) == len(card.random)
        (planted,) = (one for one in records if one["neuron_id"]["neuron_index"] == PLANTED)
        for record in planted["most_positive_activation_records"]:
            lit = {token for token, value in zip(record["tokens"], record["activations"], strict=True) if value}
            assert lit == {word(TOKEN)}
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert about["tokens"] == index.features[name].collected.total
        assert about["records"] == len(records) == 29
    (tmp_path / "file").touch()
    with refuses("no folder can be made"):
        write_neurons(index, tmp_path / "file")

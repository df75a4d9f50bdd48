"""Formats that are read and not written: each class computed by NumPy beside, from the numbers in its file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import depthscope as ds
from depthscope.capture.sites import Site
from depthscope.studies.sae.formats.load import read_config

N, D, K = 24, 10, 4


def numbers(seed: int = 0) -> dict[str, np.ndarray]:
    made = np.random.default_rng(seed)
    shapes = {"enc": (D, N), "dec": (N, D), "b": (N,), "out": (D,), "mag": (N,), "r": (N,), "threshold": (N,)}
    values = {name: 0.5 * made.standard_normal(shape) for name, shape in shapes.items()}
    values["threshold"] = np.abs(values["threshold"])
    return values


X = 2 * np.random.default_rng(9).standard_normal((40, D)) + 0.5


def tensor(values: Any) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()


def top(before: np.ndarray, k: int = K) -> np.ndarray:
    least = np.sort(before, axis=1)[:, [-k]]
    return np.where(before >= least, np.maximum(before, 0), 0)


def computes(read: Any, code: np.ndarray, given: np.ndarray) -> None:
    torch.testing.assert_close(read.encode(tensor(X)).dense(), tensor(code), atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(read.reconstruct(tensor(X)), tensor(given), atol=2e-5, rtol=1e-4)
    assert 0 < (code != 0).mean() < 0.7


def gemma_scope(folder: Path, settings: dict[str, Any] | None = None, **others: Any) -> Path:
    v = numbers()
    held = {"w_enc": v["enc"], "w_dec": v["dec"], "b_enc": v["b"], "b_dec": v["out"], "threshold": v["threshold"]}
    folder.mkdir(parents=True)
    save_file({name: tensor(one) for name, one in (held | others).items()}, folder / "params.safetensors")
    said = {"architecture": "jump_relu", "model_name": "gemma-v3-270m-pt", "hf_hook_point_in": "model.layers.5.output"}
    (folder / "config.json").write_text(json.dumps(said | (settings or {})))
    return folder


def jumped(v: dict[str, np.ndarray]) -> np.ndarray:
    before = X @ v["enc"] + v["b"]
    return np.where(before > v["threshold"], np.maximum(before, 0), 0)


def test_gemma_scope_2(tmp_path):
    read, v = ds.load_sae(gemma_scope(tmp_path / "one")), numbers()
    code = jumped(v)
    computes(read, code, code @ v["dec"] + v["out"])
    assert (read.origin.model, read.origin.site, read.origin.target) == ("google/gemma-3-270m", Site("resid", 6), None)


def test_a_transcoder_of_gemma_scope_2_has_a_linear_map_from_input_to_output(tmp_path):
    points = {
        "model_name": "gemma-v3-1b-it",
        "hf_hook_point_in": "model.layers.5.pre_feedforward_layernorm.output",
        "hf_hook_point_out": "model.layers.5.post_feedforward_layernorm.output",
    }
    beside = np.random.default_rng(3).standard_normal((D, D))
    read, v = ds.load_sae(gemma_scope(tmp_path / "one", points, affine_skip_connection=beside)), numbers()
    code = jumped(v)
    computes(read, code, code @ v["dec"] + v["out"] + X @ beside)
    assert (read.origin.site, read.origin.target) == (Site("mlp-in", 6), Site("mlp", 6))
    assert read.origin.model == "google/gemma-3-1b-it"
    # and it is held in the format of depthscope
    from depthscope.studies.sae.formats.write import save_sae

    again = ds.load_sae(save_sae(read, tmp_path / "ours"))
    computes(again, code, code @ v["dec"] + v["out"] + X @ beside)
    assert (again.origin.site, again.origin.target) == (Site("mlp-in", 6), Site("mlp", 6))


@pytest.mark.parametrize(
    ("release", "model", "site"),
    [
        ("models--google--gemma-scope-2b-pt-res", "google/gemma-2-2b", Site("resid", 21)),
        ("gemma-scope-9b-it-mlp", "google/gemma-2-9b-it", Site("mlp", 21)),
        ("gemma-scope-2b-pt-att", "google/gemma-2-2b", None),  # what heads give is read nowhere here
        ("my-copies", "", None),
    ],
)
def test_gemma_scope_1_says_where_it_belongs_by_its_folders(release, model, site, tmp_path):
    v = numbers()
    folder = tmp_path / release / "layer_20" / "width_16k" / "average_l0_71"
    folder.mkdir(parents=True)
    held = {"W_enc": v["enc"], "W_dec": v["dec"], "b_enc": v["b"], "b_dec": v["out"], "threshold": v["threshold"]}
    np.savez(folder / "params.npz", **{name: one.astype(np.float32) for name, one in held.items()})
    read = ds.load_sae(folder)
    code = jumped(v)
    computes(read, code, code @ v["dec"] + v["out"])
    assert (read.origin.model, read.origin.site) == (model, site)
    assert read_config(folder)["format"] == "gemma_scope"


def test_what_of_gemma_scope_is_not_read(tmp_path):
    across = np.zeros((N, 3, D))
    with pytest.raises(ds.DepthscopeError, match="its latents write into several layers at once"):
        ds.load_sae(gemma_scope(tmp_path / "one", w_dec=across))
    with pytest.raises(ds.DepthscopeError, match="architecture is 'topk'; of those, depthscope reads jump_relu"):
        ds.load_sae(gemma_scope(tmp_path / "two", {"architecture": "topk"}))


def learnt(folder: Path, kind: str | None, tensors: dict[str, Any], **trainer: Any) -> Path:
    """A folder of dictionary_learning."""
    folder.mkdir()
    torch.save({k: v if isinstance(v, torch.Tensor) else tensor(v) for k, v in tensors.items()}, folder / "ae.pt")
    if kind:
        said = {
            "dict_class": kind,
            "layer": 8,
            "lm_name": "EleutherAI/pythia-70m",
            "submodule_name": "resid_post_layer_8",
        }
        (folder / "config.json").write_text(json.dumps({"trainer": said | trainer, "buffer": {"ctx_len": 128}}))
    return folder


V = numbers()
LINEAR = {"encoder.weight": V["enc"].T, "encoder.bias": V["b"], "decoder.weight": V["dec"].T}
MATRICES = {"W_enc": V["enc"], "W_dec": V["dec"], "b_enc": V["b"], "b_dec": V["out"]}
GATED = {"encoder.weight": V["enc"].T, "decoder.weight": V["dec"].T, "decoder_bias": V["out"], "gate_bias": V["b"]}
GATED |= {"mag_bias": V["mag"], "r_mag": V["r"]}
COUNTED = {"k": torch.tensor(K), "threshold": torch.tensor(0.7)}
INSIDE = (X - V["out"]) @ V["enc"]
NORMS = np.linalg.norm(V["dec"], axis=1)


def gate() -> np.ndarray:
    return NORMS * (INSIDE + V["b"] > 0) * np.maximum(np.exp(V["r"]) * INSIDE + V["mag"], 0)


def above(before: np.ndarray, threshold: float | np.ndarray = 0.7) -> np.ndarray:
    return np.where(before > threshold, np.maximum(before, 0), 0)


@pytest.mark.parametrize(
    ("kind", "tensors", "code", "directions"),
    [
        ("AutoEncoder", LINEAR | {"bias": V["out"]}, np.maximum(INSIDE + V["b"], 0), V["dec"]),
        (None, LINEAR | {"bias": V["out"]}, np.maximum(INSIDE + V["b"], 0), V["dec"]),
        ("AutoEncoderNew", LINEAR | {"decoder.bias": V["out"]}, np.maximum(X @ V["enc"] + V["b"], 0), V["dec"]),
        # its threshold is kept for another use
        ("AutoEncoderTopK", LINEAR | {"b_dec": V["out"]} | COUNTED, top(INSIDE + V["b"]), V["dec"]),
        ("BatchTopKSAE", LINEAR | {"b_dec": V["out"]} | COUNTED, above(INSIDE + V["b"]), V["dec"]),
        (
            "MatryoshkaBatchTopKSAE",
            MATRICES | COUNTED | {"group_sizes": torch.tensor([6, 18])},
            above(INSIDE + V["b"]),
            V["dec"],
        ),
        (
            "JumpReluAutoEncoder",
            MATRICES | {"threshold": V["threshold"]},
            NORMS * above(X @ V["enc"] + V["b"], V["threshold"]),
            V["dec"] / NORMS[:, None],
        ),
        ("GatedAutoEncoder", GATED, gate(), V["dec"] / NORMS[:, None]),
    ],
)
def test_classes_of_dictionary_learning(kind, tensors, code, directions, tmp_path):
    read = ds.load_sae(learnt(tmp_path / "one", kind, tensors))
    computes(read, code, code @ directions + V["out"])
    if kind:
        assert (read.origin.model, read.origin.site) == ("EleutherAI/pythia-70m", Site("resid", 9))
        assert read_config(tmp_path / "one")["trainer"]["dict_class"] == kind
    if kind == "MatryoshkaBatchTopKSAE":
        assert read.activation.prefixes == (0.25, 1.0)


def test_a_threshold_that_was_never_trained_lets_pass_what_is_above_0(tmp_path):
    tensors = LINEAR | {"b_dec": V["out"], "k": torch.tensor(K), "threshold": torch.tensor(-1.0)}
    read = ds.load_sae(learnt(tmp_path / "one", "BatchTopKSAE", tensors))
    code = np.maximum(INSIDE + V["b"], 0)
    computes(read, code, code @ V["dec"] + V["out"])


@pytest.mark.parametrize(
    ("kind", "tensors", "said"),
    [
        ("CrossCoder", LINEAR, "dict_class is 'CrossCoder'; of those, depthscope reads GatedAutoEncoder"),
        (
            "GatedAutoEncoder",
            LINEAR | {"bias": V["out"]},
            "and .* holds the tensors of AutoEncoder",
        ),
        (
            None,
            LINEAR | {"b_dec": V["out"]} | COUNTED,
            "may be one of AutoEncoderTopK and BatchTopK",
        ),
        ("AutoEncoder", LINEAR, r"ae\.pt: lacks bias \(it holds"),
        ("AutoEncoderTopK", LINEAR | {"b_dec": V["out"]}, r"ae\.pt: lacks k \(it holds"),
        (
            "AutoEncoderTopK",
            LINEAR | {"b_dec": V["out"], "k": torch.tensor(N + 1)},
            "one: k=25: more than the 24 latents",
        ),
    ],
)
def test_what_of_dictionary_learning_is_not_read(kind, tensors, said, tmp_path):
    with pytest.raises(ds.DepthscopeError, match=said):
        ds.load_sae(learnt(tmp_path / "one", kind, tensors))


def test_sites_of_dictionary_learning(tmp_path):
    for number, (name, site) in enumerate(
        {"mlp_out_layer_8": Site("mlp", 9), "attn_out_layer_8": Site("attention", 9), "model.8.norm": None}.items()
    ):
        folder = learnt(tmp_path / str(number), "AutoEncoder", LINEAR | {"bias": V["out"]}, submodule_name=name)
        assert ds.load_sae(folder).origin.site == site


def test_an_autoencoder_of_openai_with_relu_reads_states_as_they_are(tmp_path):
    held = {"pre_bias": V["out"], "latent_bias": V["b"], "encoder.weight": V["enc"].T, "decoder.weight": V["dec"].T}
    torch.save({name: tensor(one) for name, one in held.items()} | {"activation": "ReLU"}, tmp_path / "sae.pt")
    code = np.maximum(INSIDE + V["b"], 0)
    computes(ds.load_sae(tmp_path / "sae.pt"), code, code @ V["dec"] + V["out"])
    # tied: the decoder is the encoder, transposed
    held.pop("decoder.weight")
    tied = {name: tensor(one) for name, one in held.items()} | {"decoder.linear.weight": tensor(V["enc"].T)}
    torch.save(tied, tmp_path / "sae.pt")
    computes(ds.load_sae(tmp_path / "sae.pt"), code, code @ V["enc"].T + V["out"])

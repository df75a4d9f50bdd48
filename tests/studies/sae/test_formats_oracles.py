"""The installed sae-lens and sparsify compute from our files what we compute, and we from theirs what they do.

All of it is in one file: importing the two takes seconds.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import depthscope as ds
from depthscope.capture.sites import Site
from depthscope.studies.sae.activations.names import ACTIVATIONS, activation_of
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.formats.write import save_sae

N, D, K = 24, 10, 4


@pytest.fixture(scope="module")
def lens() -> Any:
    import sae_lens

    return sae_lens


@pytest.fixture(scope="module")
def sparsify() -> Any:
    import sparsify

    return sparsify


def states() -> torch.Tensor:
    return 2 * torch.randn(50, D, generator=torch.Generator().manual_seed(9)) + 0.5


def filled(module: Any, seed: int = 1) -> Any:
    """Random numbers in every parameter, decoder rows of many lengths."""
    made = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=made))
        if hasattr(module, "threshold"):
            module.threshold.abs_()
    return module


def drawn(name: str, **values: Any) -> Dictionary:
    made = torch.Generator().manual_seed(2)

    def some(*shape: int) -> torch.Tensor:
        return 0.5 * torch.randn(*shape, generator=made)

    fires = activation_of(name, k=K)
    own = {key: some(N) for key in fires.beginning(N)}
    if "threshold" in own:
        own["threshold"] = own["threshold"].abs()
    latent_bias = torch.zeros(N) if name == "gated" else some(N)
    return Dictionary(some(N, D), latent_bias, some(N, D), some(D), fires, own, **values)


def equal(theirs: Any, ours: Dictionary, x: torch.Tensor) -> None:
    """Activations and reconstructions; some of the first are there, and not all."""
    with torch.no_grad():
        code = theirs.encode(x)
        torch.testing.assert_close(ours.encode(x).dense(), code, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(ours.reconstruct(x), theirs(x), atol=2e-5, rtol=1e-4)
    assert 0 < (code != 0).float().mean() < 0.7


ARCHITECTURES = [
    ("StandardSAE", {}),
    ("StandardSAE", {"apply_b_dec_to_input": False}),
    ("StandardSAE", {"normalize_activations": "layer_norm"}),
    ("TopKSAE", {"k": K}),
    ("TopKSAE", {"k": K, "rescale_acts_by_decoder_norm": True}),
    ("TopKSAE", {"k": K, "rescale_acts_by_decoder_norm": True, "apply_b_dec_to_input": False}),
    ("TopKSAE", {"k": K, "normalize_activations": "layer_norm"}),
    ("JumpReLUSAE", {}),
    ("JumpReLUSAE", {"apply_b_dec_to_input": False, "normalize_activations": "layer_norm"}),
    ("GatedSAE", {}),
    ("GatedSAE", {"apply_b_dec_to_input": False}),
    ("Transcoder", {}),
    ("SkipTranscoder", {}),
    ("JumpReLUTranscoder", {}),
    ("JumpReLUSkipTranscoder", {}),
]


@pytest.mark.parametrize(("name", "settings"), ARCHITECTURES)
def test_folders_of_saelens_both_ways(name: str, settings: dict[str, Any], lens: Any, tmp_path: Path) -> None:
    across = {"d_out": D, "apply_b_dec_to_input": False} if "Transcoder" in name else {}
    said = {"model_name": "tiny", "hook_name": "blocks.3.hook_resid_pre", "dataset_path": "a/b", "prepend_bos": True}
    said |= {"hook_name_out": "blocks.3.hook_mlp_out"} if across else {}
    classes = vars(__import__("sae_lens.saes", fromlist=["saes"]))
    config = classes[f"{name}Config"](d_in=D, d_sae=N, **(across | settings))
    config.metadata = lens.SAE.from_dict(
        {"architecture": "standard", "d_in": 1, "d_sae": 1, "metadata": said}
    ).cfg.metadata
    theirs, x = filled(classes[name](config)), states()
    theirs.save_model(tmp_path / "theirs")
    ours = ds.load_sae(tmp_path / "theirs")
    equal(theirs, ours, x)
    assert ours.origin.site == Site("resid", 3)
    assert ours.origin.target == (Site("mlp", 4) if across else None)
    assert ours.origin.model == "tiny"
    save_sae(ours, tmp_path / "ours")
    again = lens.SAE.load_from_disk(tmp_path / "ours")
    assert type(again) is type(theirs)
    equal(again, ours, x)
    for key, value in said.items():
        assert again.cfg.metadata[key] == value
    # whatever is written once is written the same again
    save_sae(ds.load_sae(tmp_path / "ours"), tmp_path / "twice")
    for file in ("cfg.json", "sae_weights.safetensors"):
        assert (tmp_path / "ours" / file).read_bytes() == (tmp_path / "twice" / file).read_bytes()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_saelens_computes_what_every_dictionary_of_ours_does(name: str, lens: Any, tmp_path: Path) -> None:
    out, skip = torch.full((D,), 0.3), 0.3 * torch.randn(D, D, generator=torch.Generator().manual_seed(4))
    transcoder = {"output_bias": out, "origin": Origin(site=Site("mlp-in", 2), target=Site("mlp", 2))}
    kinds: list[dict[str, Any]] = [{}, {"normalization": "layer"}, {"output_bias": out}, transcoder]
    # sae-lens has no class for a linear map beside other latents
    kinds += [{**transcoder, "skip": skip}] if name not in ("topk", "gated") else []
    for number, kind in enumerate(kinds):
        ours = drawn(name, **kind)
        place = save_sae(ours, tmp_path / str(number))
        equal(lens.SAE.load_from_disk(place), ours, states())
        read = ds.load_sae(place)
        assert read.activation == ours.activation
        torch.testing.assert_close(read.reconstruct(states()), ours.reconstruct(states()), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["topk", "gated"])
def test_a_linear_map_that_saelens_has_no_class_for_is_refused_there_and_read_here(name, lens, tmp_path):
    skip = torch.randn(D, D, generator=torch.Generator().manual_seed(4))
    ours = drawn(
        name, skip=skip, output_bias=torch.ones(D), origin=Origin(site=Site("mlp-in", 2), target=Site("mlp", 2))
    )
    place = save_sae(ours, tmp_path / "one")
    with pytest.raises(KeyError, match=f"{name}_skip_transcoder"):
        lens.SAE.load_from_disk(place)
    torch.testing.assert_close(ds.load_sae(place).reconstruct(states()), ours.reconstruct(states()))


@pytest.mark.parametrize("rescaled", [True, False])
@pytest.mark.parametrize(
    ("name", "settings", "activation"),
    [
        ("BatchTopK", {}, activation_of("batch_topk", k=3.0)),
        (
            "MatryoshkaBatchTopK",
            {"matryoshka_widths": [6, N]},
            activation_of("matryoshka", k=3.0, prefixes=(0.25, 1.0)),
        ),
    ],
)
def test_what_saelens_leaves_in_training_is_what_it_will_save(name, settings, activation, rescaled, lens, tmp_path):
    classes = vars(__import__("sae_lens.saes", fromlist=["saes"]))
    config = classes[f"{name}TrainingSAEConfig"](
        d_in=D, d_sae=N, k=3.0, rescale_acts_by_decoder_norm=rescaled, **settings
    )
    theirs = filled(classes[f"{name}TrainingSAE"](config))
    theirs.topk_threshold.fill_(1.5)
    theirs.save_model(tmp_path / "training")
    theirs.save_inference_model(tmp_path / "finished")
    ours = ds.load_sae(tmp_path / "training")
    assert ours.activation == activation
    equal(lens.SAE.load_from_disk(tmp_path / "finished"), ours, states())
    equal(lens.SAE.load_from_disk(tmp_path / "finished"), ds.load_sae(tmp_path / "finished"), states())


SPARSIFY = [{}, {"normalize_decoder": False}, {"skip_connection": True}, {"transcode": True}]


@pytest.mark.parametrize("settings", [*SPARSIFY, {"transcode": True, "skip_connection": True}])
def test_folders_of_sparsify_both_ways(settings: dict[str, Any], sparsify: Any, tmp_path: Path) -> None:
    theirs = filled(sparsify.SparseCoder(D, sparsify.SparseCoderConfig(num_latents=N, k=K, **settings)))
    name, x = "layers.3.mlp" if settings.get("transcode") else "layers.3", states()
    theirs.save_to_disk(tmp_path / "run" / name)
    (tmp_path / "run" / "config.json").write_text(json.dumps({"model": "tiny"}))
    ours = ds.load_sae(tmp_path / "run" / name)
    assert ours.origin.model == "tiny"
    assert ours.origin.site == (Site("mlp-in", 4) if settings.get("transcode") else Site("resid", 4))

    def computed(coder: Any) -> None:
        with torch.no_grad():
            made, code = coder(x), ours.encode(x)
        sparse = torch.zeros(len(x), N).scatter(1, made.latent_indices, made.latent_acts)
        torch.testing.assert_close(code.dense(), sparse, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(ours.reconstruct(x), made.sae_out, atol=1e-5, rtol=1e-5)

    computed(theirs)
    save_sae(ours, tmp_path / "ours" / name, "sparsify")
    again = sparsify.SparseCoder.load_from_disk(tmp_path / "ours" / name)
    computed(again)
    for key, value in theirs.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_a_dictionary_goes_from_saelens_to_sparsify(lens: Any, sparsify: Any, tmp_path: Path) -> None:
    config = lens.TopKSAEConfig(d_in=D, d_sae=N, k=K, rescale_acts_by_decoder_norm=True, apply_b_dec_to_input=False)
    theirs, x = filled(lens.TopKSAE(config)), states()
    theirs.save_model(tmp_path / "one")
    save_sae(ds.load_sae(tmp_path / "one"), tmp_path / "layers.3", "sparsify")
    other = sparsify.SparseCoder.load_from_disk(tmp_path / "layers.3")
    with torch.no_grad():
        torch.testing.assert_close(other(x).sae_out, theirs(x), atol=2e-5, rtol=1e-4)

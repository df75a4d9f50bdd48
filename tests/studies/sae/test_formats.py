"""Dictionaries in files of every format: written, read, and refused where they are damaged or of another kind."""

import errno
import json
import pickle
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import depthscope as ds
from depthscope.capture.sites import PLACES, Site
from depthscope.studies.sae.activations.names import ACTIVATIONS, activation_of
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.formats.fold import with_input_bias
from depthscope.studies.sae.formats.hooks import hook_of, module_of, site_of_hook, site_of_module, site_of_point
from depthscope.studies.sae.formats.load import dictionaries_in, read_config
from depthscope.studies.sae.formats.write import save_sae

N, D, K = 24, 10, 4
ORIGIN = Origin("tiny", "f1", Site("resid", 3), None, {"tokens": 1000, "corpus": "d1"})


def drawn(seed: int = 0, **values: Any) -> Dictionary:
    """A dictionary of random numbers, its decoder's rows of many lengths."""
    made = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=made)

    parts = {"activation": TopK(K), "origin": ORIGIN} | values
    return Dictionary(some(N, D), some(N) / 5, some(N, D), some(D), **parts)


def states(count: int = 30) -> torch.Tensor:
    return 2 * torch.randn(count, D, generator=torch.Generator().manual_seed(9)) + 0.5


def same(one: Dictionary, other: Dictionary) -> None:
    """To the bit."""
    assert one.activation == other.activation
    assert one.normalization == other.normalization
    mine, theirs = dict(one.named_parameters()), dict(other.named_parameters())
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        assert torch.equal(value, theirs[name]), name


def alike(one: Dictionary, other: Dictionary, tolerance: float = 1e-5) -> None:
    """The same function, to rounding."""
    x = states()
    torch.testing.assert_close(one.encode(x).dense(), other.encode(x).dense(), atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(one.reconstruct(x), other.reconstruct(x), atol=tolerance, rtol=tolerance)


def test_what_is_written_is_read_to_the_bit_with_what_is_known_of_it(tmp_path):
    made = drawn()
    save_sae(made, tmp_path / "one")
    read = ds.load_sae(tmp_path / "one")
    same(made, read)
    assert (read.origin.model, read.origin.fingerprint) == ("tiny", "f1")
    assert read.origin.site == Site("resid", 3)
    assert read.origin.target is None
    assert read.origin.more["tokens"] == 1000
    assert not any(parameter.requires_grad for parameter in read.parameters())
    save_sae(read, tmp_path / "two")
    for file in ("cfg.json", "sae_weights.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_layer_normalisation_and_a_bias_of_the_output_are_kept(tmp_path):
    for made in (drawn(normalization="layer"), drawn(output_bias=torch.ones(D))):
        save_sae(made, tmp_path / "one")
        alike(made, ds.load_sae(tmp_path / "one"))
    made = drawn(output_bias=torch.ones(D))
    with torch.no_grad():
        made.bias.zero_()
    save_sae(made, tmp_path / "one")
    same(made, ds.load_sae(tmp_path / "one"))


def test_a_transcoder_keeps_what_it_reads_and_writes_and_its_linear_map(tmp_path):
    origin = Origin("tiny", "", Site("mlp-in", 2), Site("mlp", 2))
    made = drawn(origin=origin, output_bias=torch.ones(D), skip=torch.randn(D, D, generator=torch.manual_seed(3)))
    for format, name in (("saelens", "one"), ("sparsify", "layers.1.mlp")):
        save_sae(made, tmp_path / name, format)
        read = ds.load_sae(tmp_path / name)
        alike(made, read)
        assert (read.origin.site, read.origin.target) == (origin.site, origin.target)


def test_double_precision_stays_and_half_precision_is_read_as_single(tmp_path):
    save_sae(drawn().double(), tmp_path / "one")
    assert ds.load_sae(tmp_path / "one").encoder.dtype == torch.float64
    save_sae(drawn().to(torch.bfloat16), tmp_path / "two")
    assert load_file(tmp_path / "two" / "sae_weights.safetensors")["W_enc"].dtype == torch.bfloat16
    assert ds.load_sae(tmp_path / "two").encoder.dtype == torch.float32


@pytest.mark.parametrize("place", PLACES)
def test_sites_have_names_in_other_libraries_and_back(place):
    site = Site(place, 3)
    assert site_of_hook(hook_of(site)) == site
    name = module_of(site)
    assert name is None or site_of_module(name) == site


def test_blocks_are_counted_from_0_there_and_from_1_here():
    assert site_of_hook("blocks.15.hook_resid_pre") == Site("resid", 15)
    assert site_of_hook("blocks.15.hook_resid_post") == Site("resid", 16)
    assert hook_of(Site("resid", 0)) == "blocks.0.hook_resid_pre"
    assert site_of_hook("blocks.15.hook_mlp_out") == Site("mlp", 16)
    assert site_of_module("layers.15") == Site("resid", 16)
    assert site_of_module("layers.15", taken_in=True) == Site("resid", 15)
    assert site_of_module("model.layers.15.mlp", taken_in=True) == Site("mlp-in", 16)
    assert site_of_point("model.layers.5.output") == Site("resid", 6)
    assert site_of_point("model.layers.5.pre_feedforward_layernorm.output") == Site("mlp-in", 6)
    # other states than those that depthscope reads
    for name in ("blocks.3.ln2.hook_normalized", "blocks.3.hook_mlp_in", "blocks.3.attn.hook_z", "hook_embed", None):
        assert site_of_hook(name) is None


def test_the_settings_are_read_without_the_weights(tmp_path):
    save_sae(drawn(), tmp_path / "one")
    (tmp_path / "one" / "sae_weights.safetensors").write_bytes(b"no weights")
    said = read_config(tmp_path / "one")
    assert (said["format"], said["d_sae"], said["k"]) == ("saelens", N, K)
    assert said["metadata"]["site"] == "layer-3"


def test_of_several_dictionaries_one_is_asked_for_and_a_single_one_is_found(tmp_path):
    for layer in (9, 10):
        save_sae(drawn(), tmp_path / "run" / f"layer-{layer}")
    assert [place.name for place in dictionaries_in(tmp_path)] == ["layer-9", "layer-10"]
    with pytest.raises(ds.DepthscopeError, match=r"holds 2 dictionaries; give one of .*layer-9.*layer-10"):
        ds.load_sae(tmp_path)
    save_sae(drawn(), tmp_path / "alone" / "deep" / "layer-1")
    # files of a training beside it are no dictionaries
    torch.save({"step": 5, "weight": torch.ones(3)}, tmp_path / "alone" / "state.pt")
    torch.save({"more": Rogue()}, tmp_path / "alone" / "other.pt")
    same(drawn(), ds.load_sae(tmp_path / "alone"))
    same(drawn(), ds.load_sae(tmp_path / "alone" / "deep" / "layer-1" / "sae_weights.safetensors"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nothing", r"no such folder or file; give the folder of a dictionary"),
        ("EleutherAI/sae-pythia", r"fetch it first \(huggingface_hub.snapshot_download\('EleutherAI/sae-pythia'\)\)"),
        (
            ".",
            r"holds no dictionary that depthscope reads \(cfg.json and sae_weights.safetensors; .*\), and nothing else",
        ),
        (7, "7 is no name"),
    ],
)
def test_where_nothing_is(source, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ds.DepthscopeError, match=said):
        ds.load_sae(source)


def test_the_format_may_be_said_and_must_be_one_of_those_there_are(tmp_path):
    save_sae(drawn(), tmp_path / "one")
    same(drawn(), ds.load_sae(tmp_path / "one", format="saelens"))
    with pytest.raises(ds.DepthscopeError, match="format='pickle': choose one of saelens, sparsify"):
        ds.load_sae(tmp_path / "one", format="pickle")
    with pytest.raises(ds.DepthscopeError, match=r"no dictionary of the format sparsify .*, but cfg.json"):
        ds.load_sae(tmp_path / "one", format="sparsify")
    with pytest.raises(ds.DepthscopeError, match="format='gemma_scope': choose one of saelens, sparsify, openai"):
        save_sae(drawn(), tmp_path / "two", "gemma_scope")
    with pytest.raises(ds.DepthscopeError, match="device='tpu7'"):
        ds.load_sae(tmp_path / "one", device="tpu7")


def altered(path: Path, settings: dict[str, Any] | None = None, **tensors: torch.Tensor | None) -> Path:
    """A folder of SAELens with some settings or tensors in place of others; None leaves one out."""
    save_sae(drawn(), path)
    file = path / "sae_weights.safetensors"
    held = load_file(file) | tensors
    save_file({name: value.contiguous() for name, value in held.items() if value is not None}, file)
    said = json.loads((path / "cfg.json").read_text()) | (settings or {})
    (path / "cfg.json").write_text(json.dumps(said))
    return path


@pytest.mark.parametrize(
    ("settings", "tensors", "said"),
    [
        ({}, {"W_dec": None, "b_dec": None}, r"lacks W_dec, b_dec \(it holds W_enc, b_enc\)"),
        ({}, {"W_dec": torch.ones(D, N)}, r"W_dec has the shape \(10, 24\), and .* want \(24, 10\)"),
        ({}, {"b_dec": torch.full((D,), torch.nan)}, "b_dec has NaN or infinity"),
        ({}, {"b_dec": torch.ones(D, dtype=torch.int8)}, "b_dec holds numbers of the kind torch.int8"),
        ({}, {"W_skip": torch.ones(D, D)}, "holds W_skip beside what is known"),
        (
            {"architecture": "temporal"},
            {},
            "architecture is 'temporal'; of those, depthscope reads standard, topk, jumprelu",
        ),
        ({"architecture": None}, {}, "architecture is 'None'"),
        ({"k": 0}, {}, "says k=0, which is no whole number above 0"),
        ({"k": float("nan")}, {}, "says k=nan, which is no whole number above 0"),
        ({"d_sae": float("inf")}, {}, "says d_sae=inf, which is no whole number above 0"),
        ({"d_sae": "many"}, {}, "says d_sae='many'"),
        (
            {"normalize_activations": "expected_average_only_in"},
            {},
            "the factor of its states is neither folded nor in",
        ),
        ({"normalize_activations": "constant_norm_rescale"}, {}, "'constant_norm_rescale': every state is brought"),
        ({"normalize_activations": "covariance_whitening"}, {}, "whitening is not folded"),
        ({"normalize_activations": "batch"}, {}, "'batch': depthscope knows none"),
    ],
)
def test_a_foreign_folder_that_is_damaged_or_of_another_kind(settings, tensors, said, tmp_path):
    with pytest.raises(ds.DepthscopeError, match=said):
        ds.load_sae(altered(tmp_path / "one", settings, **tensors))


def test_files_that_cannot_be_read(tmp_path):
    altered(tmp_path / "one")
    (tmp_path / "one" / "sae_weights.safetensors").write_bytes(b"\x08" * 40)
    with pytest.raises(
        ds.DepthscopeError, match=r"sae_weights.safetensors: cannot be read \(.*damaged or of another kind"
    ):
        ds.load_sae(tmp_path / "one")
    (tmp_path / "one" / "cfg.json").write_text("{")
    with pytest.raises(ds.DepthscopeError, match=r"cfg.json: is no JSON"):
        ds.load_sae(tmp_path / "one")
    (tmp_path / "one" / "cfg.json").write_text("[1]")
    with pytest.raises(ds.DepthscopeError, match=r"cfg.json: holds no settings by name"):
        ds.load_sae(tmp_path / "one")


def test_nothing_is_left_of_what_could_not_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ds.DepthscopeError, match="cannot be written"):
        save_sae(drawn(), tmp_path / "file")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        # as with a full disk, what is written ends in the middle
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(OSError, match="File too large") as problem:
            save_sae(drawn(), tmp_path / "one")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert problem.value.errno == errno.EFBIG
    assert list((tmp_path / "one").iterdir()) == []


def test_the_factor_of_a_checkpoint_is_folded(tmp_path):
    path = altered(tmp_path / "one", {"normalize_activations": "expected_average_only_in"})
    (path / "activation_scaler.json").write_text('{"scaling_factor": 0.5}')
    made, read, x = drawn(), ds.load_sae(path), states()
    torch.testing.assert_close(read.encode(x).dense(), made.encode(x * 0.5).dense(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(read.reconstruct(x), made.reconstruct(x * 0.5) / 0.5, atol=1e-5, rtol=1e-5)


def test_latents_that_are_chosen_by_what_they_write_are_brought_to_unit_directions(tmp_path):
    read, made, x = ds.load_sae(altered(tmp_path / "one", {"rescale_acts_by_decoder_norm": True})), drawn(), states()
    norms = made.decoder.norm(dim=1)
    torch.testing.assert_close(read.decoder.norm(dim=1), torch.ones(N))
    before = made.before(x) * norms
    values, indices = before.topk(K)
    code = torch.zeros(len(x), N).scatter(1, indices, values.relu())
    torch.testing.assert_close(read.encode(x).dense(), code, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(read.reconstruct(x), (code / norms) @ made.decoder + made.bias, atol=1e-4, rtol=1e-4)
    # the choice is another one than without
    assert (made.encode(x).dense() != 0).ne(code != 0).any()


@pytest.mark.parametrize("normalization", ["none", "layer"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_another_bias_of_the_input_changes_nothing(name, normalization):
    fires = activation_of(name, k=K)
    own = {key: torch.full((N,), 0.1 * (i + 1)) for i, key in enumerate(fires.beginning(N))}
    for seed in range(3):
        made = drawn(seed, activation=fires, own=own, normalization=normalization)
        if name == "gated":  # which has biases of its own
            with torch.no_grad():
                made.latent_bias.zero_()
        other = with_input_bias(made.double(), torch.linspace(-1, 1, D, dtype=torch.float64))
        assert not torch.equal(other.bias, made.bias)
        alike(made, other, 1e-10)
        # and back
        again = with_input_bias(other, made.bias)
        assert again.output_bias is None
        torch.testing.assert_close(again.latent_bias, made.latent_bias)


def test_where_a_head_alone_or_a_module_of_transformers_is_read(tmp_path):
    metadata = {"hook_name": "blocks.3.hook_mlp_in", "hf_hook_name": "model.layers.3.pre_feedforward_layernorm.output"}
    path = altered(tmp_path / "one", {"metadata": metadata})
    read = ds.load_sae(path)
    assert read.origin.site == Site("mlp-in", 4)
    save_sae(read, tmp_path / "two")
    assert read_config(tmp_path / "two")["metadata"]["hook_name"] == "blocks.3.hook_mlp_in"  # as it was called there
    said = json.loads((path / "cfg.json").read_text())
    said["metadata"] = {"hook_name": "blocks.3.hook_resid_post", "hook_head_index": 2}
    (path / "cfg.json").write_text(json.dumps(said))
    assert ds.load_sae(path).origin.site is None


def test_settings_of_an_older_version(tmp_path):
    path = altered(tmp_path / "one")
    old = {
        "model_name": "gpt2-small",
        "hook_point": "blocks.8.hook_resid_pre",
        "d_in": D,
        "d_sae": N,
        "activation_fn_str": "topk",
        "activation_fn_kwargs": {"k": 3},
        "normalize_activations": False,
        "dtype": "torch.float32",
    }
    (path / "cfg.json").write_text(json.dumps(old))
    read = ds.load_sae(path)
    assert read.activation == TopK(3)
    assert read.origin.site == Site("resid", 8)
    assert read.origin.model == "gpt2-small"
    (path / "cfg.json").write_text(json.dumps(old | {"activation_fn_str": "tanh-relu"}))
    with pytest.raises(ds.DepthscopeError, match="architecture is 'standard with tanh-relu'"):
        ds.load_sae(path)


def test_what_sparsify_cannot_hold(tmp_path):
    with pytest.raises(ds.DepthscopeError, match="holds TopK on states as they are, and not layer normalisation"):
        save_sae(drawn(normalization="layer"), tmp_path / "one", "sparsify")
    made = drawn(output_bias=torch.ones(D))
    save_sae(made, tmp_path / "layers.2", "sparsify")
    alike(made, ds.load_sae(tmp_path / "layers.2"))


def test_a_run_of_sparsify_has_a_dictionary_for_each_layer(tmp_path):
    for layer in (2, 10):
        save_sae(drawn(layer, origin=Origin()), tmp_path / f"layers.{layer}", "sparsify")
    (tmp_path / "config.json").write_text('{"model": "EleutherAI/pythia-70m"}')
    read = ds.load_sae(tmp_path / "layers.10")
    assert read.origin.site == Site("resid", 11)
    assert read.origin.model == "EleutherAI/pythia-70m"
    assert [place.name for place in dictionaries_in(tmp_path)] == ["layers.2", "layers.10"]
    said = json.loads((tmp_path / "layers.2" / "cfg.json").read_text())
    (tmp_path / "layers.2" / "cfg.json").write_text(json.dumps(said | {"activation": "groupmax"}))
    with pytest.raises(ds.DepthscopeError, match="its activation is groupmax"):
        ds.load_sae(tmp_path / "layers.2")


def openai_state(**others: Any) -> dict[str, Any]:
    """As the published files are, made of the numbers of :func:`drawn`."""
    made = drawn()
    return {
        "pre_bias": made.bias.data,
        "latent_bias": made.latent_bias.data,
        "encoder.weight": made.encoder.data,
        "decoder.weight": made.decoder.data.T.contiguous(),
        "stats_last_nonzero": torch.zeros(N, dtype=torch.long),
        "activation": "TopK",
        "activation_state_dict": {"k": K, "postact_fn": "ReLU"},
    } | others


def normalised(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """By NumPy, with the unbiased spread."""
    values = x.double().numpy()
    mean, spread = values.mean(-1, keepdims=True), values.std(-1, ddof=1, keepdims=True)
    inside = (values - mean) / (spread + 1e-5)
    return tuple(torch.from_numpy(v).float() for v in (inside, mean, spread))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "others",
    [
        {},
        # what today's state_dict() of that library adds, at which its own strict loader stops
        {"activation.k": K, "activation.postact_fn": "ReLU"},
        {"activation_state_dict": {}, "activation.k": torch.tensor(K), "activation.postact_fn": "ReLU"},
    ],
)
def test_a_state_dict_of_openai_reads_normalised_states(others, tmp_path):
    torch.save(openai_state(**others), tmp_path / "sae.pt")
    read, x = ds.load_sae(tmp_path / "sae.pt"), states()
    inside, mean, spread = normalised(x)
    made = drawn()
    torch.testing.assert_close(read.encode(x).dense(), made.encode(inside).dense(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(read.reconstruct(x), made.reconstruct(inside) * spread + mean, atol=1e-4, rtol=1e-4)
    assert read.origin.site is None
    assert read_config(tmp_path / "sae.pt")["k"] in (K, None)  # of tensors, shapes alone are read


@pytest.mark.parametrize("name", ["sae.pt", "sae.safetensors"])
def test_openais_format_is_written_as_it_was_published(name, tmp_path):
    made = drawn(normalization="layer", origin=Origin())
    save_sae(made, tmp_path / name, "openai")
    same(made, ds.load_sae(tmp_path / name))
    assert read_config(tmp_path / name)["activation"] == "TopK"
    if name == "sae.pt":
        held = torch.load(tmp_path / name, weights_only=True)
        assert not [key for key in held if key.startswith("activation.")]  # or their loader refuses it
        assert held["activation_state_dict"] == {"k": K, "postact_fn": "ReLU"}


def test_what_openais_format_cannot_hold(tmp_path):
    for made, said in (
        (drawn(), "TopK for one behind layer normalisation"),
        (drawn(normalization="layer", skip=torch.eye(D)), "holds autoencoders, and no transcoder"),
    ):
        with pytest.raises(ds.DepthscopeError, match=said):
            save_sae(made, tmp_path / "sae.pt", "openai")
    with pytest.raises(ds.DepthscopeError, match=r"give a name that ends in .pt or .safetensors"):
        save_sae(drawn(normalization="layer"), tmp_path / "sae", "openai")
    assert not list(tmp_path.iterdir())


class Rogue:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("code ran",))


def test_pickles_are_refused_in_a_sentence(tmp_path):
    torch.save(openai_state() | {"more": Rogue()}, tmp_path / "sae.pt")
    with pytest.raises(ds.DepthscopeError, match="is a pickle with more in it than tensors, which can run any code"):
        ds.load_sae(tmp_path / "sae.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"sae": Rogue()}, protocol=2))
    with pytest.raises(ds.DepthscopeError, match=r"is a pickle with more in it than tensors"):
        ds.load_sae(tmp_path / "plain.pt")
    (tmp_path / "sae.pkl").write_bytes(pickle.dumps({"sae": Rogue()}, protocol=2))
    with pytest.raises(ds.DepthscopeError, match="is a pickle, which can run any code"):
        ds.load_sae(tmp_path / "sae.pkl")
    (tmp_path / "gemma").mkdir()
    np.savez(tmp_path / "gemma" / "params.npz", W_enc=np.array([Rogue()], dtype=object))
    with pytest.raises(ds.DepthscopeError, match=r"params.npz: cannot be read"):
        ds.load_sae(tmp_path / "gemma")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ds.DepthscopeError, match="holds a list and no dict of tensors"):
        ds.load_sae(tmp_path / "list.pt")
    torch.save(openai_state(activation="Identity"), tmp_path / "identity.pt")
    with pytest.raises(ds.DepthscopeError, match="activation is 'Identity'"):
        ds.load_sae(tmp_path / "identity.pt")
    torch.save({"weight": torch.ones(3)}, tmp_path / "other.pt")
    with pytest.raises(ds.DepthscopeError, match=r"lacks pre_bias, .*, decoder.weight \(it holds weight"):
        ds.load_sae(tmp_path / "other.pt")


@pytest.mark.parametrize("device", ["zzz", "cuda:99"])
def test_a_device_that_is_not_there_is_no_damage_of_the_file(device, tmp_path):
    save_sae(drawn(), tmp_path / "one", format="saelens")
    with pytest.raises(ds.DepthscopeError, match=f"device='{device}' is none that torch has here"):
        ds.load_sae(tmp_path / "one", device=device)


def test_states_of_any_number_and_of_no_other_kind():
    sae = drawn()
    for shape in ((0,), (0, 3), (2, 0)):
        code = sae.encode(torch.zeros(*shape, sae.width))
        assert code.values.shape[:-1] == shape
        assert sae.decode(code).shape == (*shape, sae.width)
    for bad, said in (
        (np.zeros((2, sae.width)), "as_tensor"),
        (torch.tensor(1.0), "of the shape"),
        (torch.zeros(3, 1), "of the shape"),
    ):
        with pytest.raises(ds.DepthscopeError, match=said):
            sae.encode(bad)

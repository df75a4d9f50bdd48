"""What can be asked for runs; what cannot is refused with the reason, before any weight is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from depthscope.model.quantization import (
    CALIBRATED,
    NAMES,
    SCHEMES,
    confirm,
    gradless,
    quantization_config,
    scheme_of,
    settle,
)
from depthscope.model.quantization.network import is_packed
from tests.conftest import tiny_llama

pytest.importorskip("bitsandbytes")
pytest.importorskip("torchao")
pytest.importorskip("optimum.quanto")

VOCABULARY = 300
IDS = torch.arange(9)[None]


def saved(folder: Path, **changes: Any) -> Path:
    """A network whose widths hold whole blocks of every scheme."""
    torch.manual_seed(1)
    size = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 2, "num_key_value_heads": 1}
    config = transformers.LlamaConfig(vocab_size=VOCABULARY, num_hidden_layers=4, **{**size, **changes})
    transformers.LlamaForCausalLM(config).eval().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("llama"))


def config_of(folder: Path) -> Any:
    return transformers.AutoConfig.from_pretrained(folder)


def quantised(folder: Path, scheme: Any, **options: Any) -> Any:
    config = quantization_config(scheme, source=folder, source_config=config_of(folder))
    kind = transformers.AutoModelForCausalLM
    network = kind.from_pretrained(folder, dtype=torch.float32, quantization_config=config, **options).eval()
    settle(network)
    return network


def logits(network: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    with gradless(network):
        return network(ids).logits.clone()  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_that_is_offered_quantises_and_runs_close_to_the_plain_network(folder: Path, name: str) -> None:
    network = quantised(folder, name)
    confirm(network, name, "tiny")
    plain = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    error = float((logits(network) - logits(plain)).norm() / logits(plain).norm())
    # rounding to a step of range / 2^bits leaves about that much, some of it cancels over the width
    assert 1e-5 < error < {8: 0.1, 4: 0.35, 2: 2.0}[SCHEMES[name].bits]


@pytest.mark.parametrize("name", SCHEMES)
def test_the_name_is_read_back_from_the_network_and_from_what_it_saves(folder: Path, name: str, tmp_path: Path) -> None:
    network = quantised(folder, name)
    assert scheme_of(network.config) == name
    if SCHEMES[name].library == "optimum-quanto":
        pytest.skip("quanto's networks cannot be saved by transformers")
    network.save_pretrained(tmp_path)
    assert scheme_of(config_of(tmp_path)) == name


def test_a_plain_network_has_no_scheme(folder: Path) -> None:
    network = transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert scheme_of(network.config) is None
    assert not is_packed(network)


def test_an_object_of_transformers_is_taken_as_it_is(folder: Path) -> None:
    wish = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    assert quantization_config(wish, source=folder, source_config=config_of(folder)) is wish


@pytest.mark.parametrize("wish", [7, {"bits": 4}, object()])
def test_what_is_no_scheme_is_refused(refuses: Callable[..., Any], wish: Any) -> None:
    with refuses(type(wish).__name__, "nf4", "transformers quantisation config"):
        quantization_config(wish, source="gpt2")


def test_unknown_names_are_refused_with_all_known_ones(refuses: Callable[..., Any]) -> None:
    with refuses("int3", *NAMES):
        quantization_config("int3", source="gpt2")


@pytest.mark.parametrize("name", CALIBRATED)
def test_calibration_is_not_done_on_the_fly(refuses: Callable[..., Any], folder: Path, name: str) -> None:
    with refuses(name, "calibration", "already quantised", "gptqmodel"):
        quantization_config(name, source=folder, source_config=config_of(folder))


def test_hqq_is_refused_with_the_reason(refuses: Callable[..., Any]) -> None:
    with refuses("hqq", "transformers 5", "nf4"):
        quantization_config("hqq", source="gpt2")


def test_a_device_that_a_scheme_does_not_run_on_is_refused_with_those_that_do(refuses: Callable[..., Any]) -> None:
    with refuses("'nf4'", "cuda", "mps", "quanto-int4"):
        quantization_config("nf4", source="gpt2", device="mps")


@pytest.mark.parametrize(
    ("wish", "reason"),
    [(transformers.FineGrainedFP8Config(), "GPU"), (transformers.BitNetQuantConfig(), "pre_quantized")],
)
def test_what_transformers_cannot_run_here_is_refused_in_its_words(
    refuses: Callable[..., Any], wish: Any, reason: str
) -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU may run it")
    with refuses(reason, "transformers says"):
        quantization_config(wish, source="gpt2")


def test_what_torchao_has_no_kernel_for_is_refused_in_its_words(refuses: Callable[..., Any]) -> None:
    from torchao.quantization import Int4WeightOnlyConfig

    wish = transformers.TorchAoConfig(Int4WeightOnlyConfig(group_size=64, int4_packing_format="plain_int32"))
    with refuses("torchao-Int4WeightOnly", "cpu", "torchao says"):
        quantization_config(wish, source="gpt2")


def test_a_quantised_checkpoint_stays_what_it_is(refuses: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    quantised(folder, "nf4").save_pretrained(tmp_path)
    known = config_of(tmp_path)
    assert quantization_config("nf4", source=tmp_path, source_config=known) is None
    for other in ("fp4", "nf4-double", "torchao-int8", "gptq"):
        with refuses("already quantised (nf4)", other):
            quantization_config(other, source=tmp_path, source_config=known)


def test_a_quantised_checkpoint_whose_library_is_missing_is_refused(refuses: Callable[..., Any], folder: Path) -> None:
    known = config_of(folder)
    known.quantization_config = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    with refuses("gptq", "transformers says", "optimum"):
        quantization_config(None, source=folder, source_config=known)


def test_nothing_asked_of_a_plain_checkpoint_is_nothing(folder: Path) -> None:
    assert quantization_config(None, source=folder, source_config=config_of(folder)) is None


def test_gguf_is_for_gguf_files(refuses: Callable[..., Any], folder: Path) -> None:
    with refuses("'gguf'", "this is none", "nf4"):
        quantization_config("gguf", source=folder, source_config=config_of(folder))


def test_packed_gguf_weights_have_no_kernel_on_the_cpu(refuses: Callable[..., Any]) -> None:
    with refuses("model.gguf", "CPU", "leave quantization= out"):
        quantization_config("gguf", source="model.gguf")


def test_a_gguf_file_is_not_quantised_again(refuses: Callable[..., Any]) -> None:
    with refuses("model.gguf", "already quantised", "'nf4'"):
        quantization_config("nf4", source="model.gguf")


def test_a_network_without_linear_layers_is_not_taken_for_quantised(
    refuses: Callable[..., Any], tmp_path: Path
) -> None:
    size = transformers.GPT2Config(vocab_size=VOCABULARY, n_embd=64, n_layer=4, n_head=2)
    transformers.GPT2LMHeadModel(size).save_pretrained(tmp_path)
    with refuses("nothing of GPT2LMHeadModel", "quanto-int8", "nf4"):
        confirm(quantised(tmp_path, "quanto-int8"), "quanto-int8", "gpt2")
    confirm(quantised(tmp_path, "nf4"), "nf4", "gpt2")


@pytest.mark.parametrize("name", ["nf4", "nf4-double", "fp4"])
def test_settled_four_bit_weights_survive_state_dict(folder: Path, name: str) -> None:
    # bitsandbytes 0.50 on AVX512-BF16 processors destroys them otherwise
    network = quantised(folder, name)
    before = logits(network)
    network.state_dict()
    assert torch.equal(logits(network), before)


def test_settled_four_bit_weights_need_no_round_widths(tmp_path: Path) -> None:
    # rows that are no multiple of 32 and columns that are none of 64
    saved(tmp_path, hidden_size=48, intermediate_size=80, num_attention_heads=2, num_key_value_heads=1)
    assert logits(quantised(tmp_path, "nf4")).isfinite().all()


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "int8"])
def test_later_tokens_leave_earlier_ones_alone(folder: Path, name: str) -> None:
    network = quantised(folder, name)
    other = IDS.clone()
    other[:, 5:] += 100
    assert torch.allclose(logits(network)[:, :5], logits(network, other)[:, :5], rtol=0, atol=1e-6)


def test_outliers_of_later_tokens_change_earlier_ones_under_llm_int8(folder: Path) -> None:
    network = quantised(folder, transformers.BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=2.0))
    other = IDS.clone()
    other[:, 5:] += 100
    assert not torch.allclose(logits(network)[:, :5], logits(network, other)[:, :5], rtol=0, atol=1e-4)


def test_a_library_that_is_not_installed_is_named_with_its_extra(
    refuses: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # the real look-up, in a path without packages
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with refuses("'quanto-int4'", "optimum-quanto", "pip install 'depthscope[quantization]'"):
        quantization_config("quanto-int4", source="gpt2")


def test_the_tiny_llama_of_the_other_tests_can_be_quantised(tmp_path: Path) -> None:
    tiny_llama(VOCABULARY).save_pretrained(tmp_path)
    assert logits(quantised(tmp_path, "quanto-int4")).isfinite().all()

"""The ways to hold weights in fewer bits that can be asked for by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from depthscope.errors import require

EXTRA = "quantization"


@dataclass(frozen=True)
class Scheme:
    """One way to hold the weights of the blocks; embeddings, norms and the head keep their precision.

    Attributes
    ----------
    library : str
        The package that it needs, all of them in the extra ``quantization``.
    bits : float
        Per weight, without its scales.
    what : str
        For lists and records.
    devices : tuple of str
        Types of device; on others it is refused.
    build : callable
        Makes transformers' configuration object; called only when the library is there.
    alone : bool
        What is rounded depends on the pass as a whole, so that other texts in it change what is measured.
    """

    library: str
    bits: float
    what: str
    devices: tuple[str, ...]
    build: Callable[[], Any]
    alone: bool = False


def _bitsandbytes(**settings: Any) -> Callable[[], Any]:
    return lambda: require("transformers", "models").BitsAndBytesConfig(**settings)


def _four_bits(kind: str, nested: bool = False) -> Callable[[], Any]:
    return _bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=nested)


def _quanto(weights: str) -> Callable[[], Any]:
    return lambda: require("transformers", "models").QuantoConfig(weights=weights)


def _torchao(name: str) -> Callable[[], Any]:
    def build() -> Any:
        library = require("torchao.quantization", EXTRA)
        return require("transformers", "models").TorchAoConfig(getattr(library, name)())

    return build


def _torchao_int4() -> Any:
    # torchao's own Int4WeightOnlyConfig needs kernels that are not in its wheel; this one unpacks in plain torch.
    # Groups of 32, because widths that are no multiple of 64 or 128 are common in small models.
    torch, library = require("torch", "models"), require("torchao.quantization", EXTRA)
    settings = library.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=library.PerGroup(32))
    return require("transformers", "models").TorchAoConfig(settings)


_CPU_GPU = ("cpu", "cuda", "xpu")

SCHEMES = {
    "nf4": Scheme("bitsandbytes", 4, "normal float in blocks of 64 (QLoRA)", _CPU_GPU, _four_bits("nf4")),
    "nf4-double": Scheme("bitsandbytes", 4, "nf4, its scales in 8 bits too", _CPU_GPU, _four_bits("nf4", nested=True)),
    "fp4": Scheme("bitsandbytes", 4, "4-bit float in blocks of 64", _CPU_GPU, _four_bits("fp4")),
    "int8": Scheme(
        "bitsandbytes",
        8,
        "LLM.int8(): features with outliers apart, chosen over all tokens of a pass",
        _CPU_GPU,
        _bitsandbytes(load_in_8bit=True),
        alone=True,
    ),
    "int8-vectorwise": Scheme(
        "bitsandbytes",
        8,
        "int8 weights and activations, outliers included: tokens stay independent",
        _CPU_GPU,
        _bitsandbytes(load_in_8bit=True, llm_int8_threshold=0.0),
    ),
    "torchao-int8": Scheme("torchao", 8, "int8 weights", _CPU_GPU, _torchao("Int8WeightOnlyConfig")),
    "torchao-int8-dynamic": Scheme(
        "torchao",
        8,
        "int8 weights and activations",
        _CPU_GPU,
        _torchao("Int8DynamicActivationInt8WeightConfig"),
        alone=True,  # another shape of the pass rounds otherwise here and there, and the blocks amplify it
    ),
    "torchao-int4": Scheme("torchao", 4, "int4 weights in groups of 32", _CPU_GPU, _torchao_int4),
    "torchao-float8": Scheme("torchao", 8, "float8 (e4m3) weights", _CPU_GPU, _torchao("Float8WeightOnlyConfig")),
    "quanto-int8": Scheme("optimum-quanto", 8, "int8 weights", (*_CPU_GPU, "mps"), _quanto("int8")),
    "quanto-int4": Scheme("optimum-quanto", 4, "int4 weights in groups", (*_CPU_GPU, "mps"), _quanto("int4")),
    "quanto-int2": Scheme("optimum-quanto", 2, "int2 weights in groups", (*_CPU_GPU, "mps"), _quanto("int2")),
    "quanto-float8": Scheme("optimum-quanto", 8, "float8 (e4m3) weights", (*_CPU_GPU, "mps"), _quanto("float8")),
}

# The weights are chosen with the help of texts, so only who made the checkpoint can make it.
CALIBRATED = {"gptq": "gptqmodel and optimum", "awq": "gptqmodel"}

NAMES = (*SCHEMES, *CALIBRATED, "gguf")

# Known by name so that the answer is a reason, not "choose one of".
NOT_OFFERED = {"hqq": "transformers 5 (as of 5.23) lists it but cannot quantise with it while loading"}

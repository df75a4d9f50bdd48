"""Numbers in a checkpoint that are no weights by themselves: without a scheme that says their scale they are refused."""

import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from depthscope.errors import DepthscopeError, listed, require

SAFE = ".safetensors"

# kinds of numbers by the names of safetensors and of torch
_PLAIN = {"F64", "F32", "F16", "BF16", "float64", "float32", "float16", "bfloat16"}
_WHOLE = re.compile(r"(I|U|u?int)\d+|BOOL|bool")
# beside packed weights, and in their place
SCALES = re.compile(
    r"(^|\.)(SCB|weight_format|g_idx|\w*absmax|\w*quant_map|quant_state\..*|"
    r"((\w+_)?(weight|input|output|activation|act)|[qkv]|prob|\w+_proj)?_?scales?(_inv|_\d)?|\w*_zero_points?|zero_points?)$"
)
_PACKED = re.compile(r"(^|\.)(qweight|q?zeros|qscales?|\w*weight_(packed|shape)|\w+_proj_blocks)$")


def stored(folder: Path, files: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """File, name and kind of numbers of every tensor, without their values."""
    for file in files:
        if file.endswith(SAFE):
            with require("safetensors", "models").safe_open(folder / file, framework="pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118 - no mapping
                    yield file, key, tensors.get_slice(key).get_dtype()
        else:
            torch = require("torch", "models")
            found = torch.load(folder / file, map_location="meta", weights_only=True)
            for key, tensor in found.items():
                yield file, str(key), str(getattr(tensor, "dtype", "")).removeprefix("torch.")


def check_plain(
    folder: Path, files: tuple[str, ...], name: str, floats: Container[str], unexpected: Iterable[str]
) -> None:
    """Refuse packed weights, and what belongs to such, in a folder whose configuration names no scheme.

    Parameters
    ----------
    floats : container of str
        Tensors that are not whole numbers in the network; those of the files may have shorter names.
    unexpected : iterable of str
        Tensors for which the network has no place.

    Raises
    ------
    DepthscopeError
        Whole numbers where a weight should be, floating-point numbers of 8 bits or fewer, complex numbers; scales.
    """
    for _, key, kind in stored(folder, files):
        whole = _WHOLE.fullmatch(kind)
        # whole numbers may be masks or positions; no other kind is anything but a weight
        if kind and kind not in _PLAIN and (not whole or key in floats or key.endswith(".weight")):
            raise _without_scheme(name, f"{key} holds {'whole' if whole else 'packed'} numbers ({kind})", "their scale")
    if scales := sorted(key for key in unexpected if SCALES.search(key) or _PACKED.search(key)):
        raise _without_scheme(name, f"its weights are packed ({listed(scales, 2)})", "how to unpack them")


def _without_scheme(name: str, what: str, lacking: str) -> DepthscopeError:
    return DepthscopeError(
        f"{name}: {what}, and the configuration names no quantisation that says {lacking}; use the folder as it was "
        "quantised, or the original"
    )

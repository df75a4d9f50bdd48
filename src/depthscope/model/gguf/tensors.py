"""Whether every tensor of a GGUF file has arrived in the network, and every weight of the network came from it."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from depthscope.errors import listed
from depthscope.model.gguf.header import FACTORS, Header, newer_architectures


def check_tensors(header: Header, network: Any, report: Mapping[str, Any]) -> None:
    """Compare the file's tensors with the network's, by transformers' own map of names.

    Parameters
    ----------
    report : mapping
        What ``from_pretrained(output_loading_info=True)`` says of missing and unexpected weights.

    Raises
    ------
    DepthscopeError
        A tensor that nothing has read, or a weight that the file does not have.
    """
    if missing := sorted(report.get("missing_keys") or ()):
        raise header.refuse(
            listed(missing, 3), "are weights that the file does not have, and random numbers would take their place"
        )
    if mismatched := sorted(report.get("mismatched_keys") or ()):
        _, theirs, ours = mismatched[0]
        raise header.refuse(
            listed((entry[0] for entry in mismatched), 3),
            f"have another size than the keys say (the first is {tuple(theirs)}, not {tuple(ours)})",
        )
    names = _map(header, network)
    read = set(FACTORS) if names is None else {*FACTORS, *names, *(f"{name}.weight" for name in names)}
    left = set(report.get("unexpected_keys") or ())
    if names is not None:
        left |= {name for name in header.tensors if name not in read}
    if left:
        raise header.refuse(
            listed(sorted(left), 3),
            "is a tensor of the file that transformers does not read, so the network would differ",
        )
    if names is None:
        return
    there = {*header.tensors, *(name.removesuffix(".weight") for name in header.tensors)}
    filled = {target for name, target in names.items() if name in there}
    # halves that are stacked into one weight (experts): the map names both, and one alone would leave zeros
    absent = [n for n, target in names.items() if n not in there and (target not in filled or "_exps" in n)]
    tied = bool(getattr(network.config, "tie_word_embeddings", False))
    absent = [name for name in absent if not (tied and name.startswith("output."))]
    if absent:
        raise header.refuse(
            listed(sorted(absent), 3), "are missing from the file, and made-up numbers would take their place"
        )


def _map(header: Header, network: Any) -> dict[str, str] | None:
    """Names of the network's weights by those of the file's tensors; None where transformers' newer loader was at work."""
    if header.architecture in newer_architectures():
        return None
    own = import_module("transformers.modeling_gguf_pytorch_utils")
    processor = own.TENSOR_PROCESSORS.get(header.architecture, own.TensorProcessor)(config={})
    return dict(own.get_gguf_hf_weights_map(_Outline(network, inside=True), processor))


class _Outline:
    """Names of a network and of its direct parts: transformers' map walks through all modules, a second per block."""

    def __init__(self, network: Any, *, inside: bool = False) -> None:
        self._network, self._inside = network, inside
        self.config = getattr(network, "config", None)

    def state_dict(self) -> Mapping[str, Any]:
        return dict(self._network.state_dict())

    def named_children(self) -> Iterator[tuple[str, "_Outline"]]:
        if self._inside:
            yield from ((name, _Outline(part)) for name, part in self._network.named_children())

"""What a model's folder holds: weights in a safe format, all within the folder, and nothing that is passed over."""

import json
from collections.abc import Iterable
from hashlib import file_digest
from pathlib import Path, PurePath
from typing import Any

from depthscope.errors import DepthscopeError, listed, require
from depthscope.model.plain_weights import SAFE, stored
from depthscope.model.trust import Trust

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")


def check_folder(folder: Path, name: str, trust: Trust, options: dict[str, Any]) -> tuple[str, ...]:
    """Names of the files from which transformers takes the weights; ``options`` are those of ``from_pretrained``.

    Raises
    ------
    DepthscopeError
        An adapter; weights only in pickles that are not allowed, or in a format that transformers does not read; an index
        that is damaged, lists files that are not there, or leaves the folder.
    """
    if (folder / "adapter_config.json").is_file():
        raise DepthscopeError(
            f"{name}: the folder holds an adapter, and whether it is applied depends on what is installed; merge it "
            "(PEFT's merge_and_unload()), save the model with save_pretrained(folder), and load that folder"
        )
    inside = folder / str(options.get("subfolder") or "")
    variant = f".{options['variant']}" if options.get("variant") else ""
    single, index = f"model{variant}{SAFE}", f"model{SAFE}.index{variant}.json"
    if (named := _named_in_config(inside)) is not None:
        if PurePath(named).suffix in PICKLES and not trust.pickles:
            raise _pickled(name, named)
        files = _listed_in(inside, named, name) if named.endswith(".json") else (named,)
    elif (inside / single).is_file():
        files = (single,)
    elif (inside / index).is_file():
        files = _listed_in(inside, index, name)
    else:
        files = _pickles(inside, name, variant, trust)
    return files


def check_twice(folder: Path, files: tuple[str, ...], name: str, prefix: str) -> None:
    """Refuse files that hold a tensor twice, of which one would win by chance; also with and without a ``prefix``."""
    seen: dict[str, str] = {}
    for file, key, _ in stored(folder, files):
        if key in seen:
            raise DepthscopeError(
                f"{name}: {key} stands in {seen[key]} and in {file}; remove the file that does not belong to it"
            )
        seen[key] = file
    twice = [key for key in seen if prefix and f"{prefix}.{key}" in seen]
    if twice:
        raise DepthscopeError(
            f"{name}: its weights hold {listed(twice, 2)} twice, with and without {prefix!r} before it, and which is "
            "meant cannot be known; save the model again with save_pretrained(folder)"
        )


def idle(folder: Path, files: tuple[str, ...], keys: Iterable[str], network: Any) -> set[str]:
    """Those of the ``keys`` that change no number: biases of nothing but zeros, and what ``network`` computes just so.

    Older releases saved masks and tables of positions that newer ones compute; one with other values is another network's.
    """
    computed = _computed(network)
    wanted, found = {key for key in keys if key.endswith("bias") or key in computed}, set()
    safetensors = require("safetensors", "models")
    for file in files if wanted else ():
        if file.endswith(SAFE):
            with safetensors.safe_open(folder / file, framework="pt") as tensors:
                for key in wanted & set(tensors.keys()):
                    tensor = tensors.get_tensor(key)
                    if _alike(tensor, computed[key]) if key in computed else not tensor.any():
                        found.add(key)
    return found


def _computed(network: Any) -> dict[str, Any]:
    """Buffers that are in no file, by their names with and without the usual prefix."""
    stored_ones, prefix = set(network.state_dict()), network.base_model_prefix
    found = {name: buffer for name, buffer in network.named_buffers() if name not in stored_ones}
    return {name.removeprefix(f"{prefix}."): buffer for name, buffer in found.items()} | found


def _alike(stored_one: Any, buffer: Any) -> bool:
    """Whether two tensors hold the same numbers, to the precision of the coarser."""
    if stored_one.shape != buffer.shape:
        return False
    places = [one.dtype.itemsize for one in (stored_one, buffer) if one.is_floating_point()]
    tolerance = 1e-2 if places and min(places) < 4 else 1e-5 if places else 0.0
    return bool((stored_one.double().cpu() - buffer.double().cpu()).abs().max() <= tolerance)


def told(folder: Path, files: tuple[str, ...]) -> str:
    """Where the weights came from, for the record; pickles with their digests."""
    pickles = [file for file in files if not file.endswith(SAFE)]
    if not pickles:
        return listed(files, 2)
    sums = []
    for file in pickles:
        with (folder / file).open("rb") as stream:
            sums.append(f"{file} (a pickle, read as tensors only, sha256 {file_digest(stream, 'sha256').hexdigest()})")
    return ", ".join(sums)


def _named_in_config(folder: Path) -> str | None:
    """A file that the configuration itself names for the weights."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # transformers will say what is wrong with it
        return None
    found = config.get("transformers_weights") if isinstance(config, dict) else None
    return found if isinstance(found, str) else None


def _listed_in(folder: Path, index: str, name: str) -> tuple[str, ...]:
    try:
        names = set(json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"].values())
        files = sorted(names)
        odd = [file for file in files if PurePath(file).name != file or not file.endswith((SAFE, *PICKLES))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DepthscopeError(
            f"{name}: {index} is no list of files with weights; fetch or save the model again"
        ) from None
    if odd:
        raise DepthscopeError(
            f"{name}: {index} lists {odd[0]!r}, which is no file of weights in this folder; fetch or save the model again"
        )
    if index.startswith("model") and (unsafe := [file for file in files if not file.endswith(SAFE)]):
        raise _pickled(name, unsafe[0])
    lacking = [file for file in files if not (folder / file).is_file()]
    if lacking:
        raise DepthscopeError(
            f"{name}: {index} lists {listed(lacking, 2)}, which is not there; fetch or copy the model again"
        )
    if not files:
        raise DepthscopeError(f"{name}: {index} lists no weights; fetch or save the model again")
    return tuple(files)


def _pickles(folder: Path, name: str, variant: str, trust: Trust) -> tuple[str, ...]:
    """Weights that are in no safe format, if that is allowed."""
    single, index = f"pytorch_model{variant}.bin", f"pytorch_model.bin.index{variant}.json"
    if trust.pickles and (folder / single).is_file():
        return (single,)
    if trust.pickles and (folder / index).is_file():
        return _listed_in(folder, index, name)
    found = sorted(path.name for path in folder.glob("*") if path.is_file())
    pickles = [file for file in found if file.endswith(PICKLES) and file != "training_args.bin"]
    packed = [file for file in found if file.lower().endswith(".gguf")]
    if packed:
        raise DepthscopeError(
            f"{name}: the folder holds no model{variant}{SAFE}, but {packed[0]}: give the path of that file"
        )
    if pickles and not trust.pickles:
        raise _pickled(name, pickles[0])
    others = [file for file in found if file.endswith((SAFE, ".h5", ".msgpack", ".onnx", *PICKLES))]
    beside = f", but {listed(others, 2)}" if others else ""
    raise DepthscopeError(
        f"{name}: transformers cannot load this model: the folder holds no weights that it knows (model{variant}{SAFE})"
        f"{beside}; save the model there with save_pretrained(folder)"
    )


def _pickled(name: str, file: str) -> DepthscopeError:
    return DepthscopeError(
        f"{name}: its weights are a pickle ({file}), a format that can run any code when it is read, so it is not read; save "
        "the model with save_pretrained(folder), which writes safetensors, or give allow_pickle=True (--allow-pickle on the "
        "command line), which reads tensors and nothing else of it"
    )

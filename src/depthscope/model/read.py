"""From a name, a folder or a file to a network and its tokenizer, through transformers' own loading."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthscope.errors import DepthscopeError, require
from depthscope.model.folder import PICKLES, check_folder, check_twice, idle, told
from depthscope.model.foreign import one_sentence
from depthscope.model.gguf import load_gguf
from depthscope.model.hearing import speech_class
from depthscope.model.hub import check_hub, snapshot
from depthscope.model.plain_weights import check_plain
from depthscope.model.pretrained import pretrained_folder
from depthscope.model.quantization import confirm, quantization_config, scheme_of
from depthscope.model.quiet import quiet
from depthscope.model.settings import read_settings
from depthscope.model.stacks import Stack, auto_class, decoder_names
from depthscope.model.tokenizer import read_tokenizer
from depthscope.model.trust import Trust, code_of
from depthscope.model.unread import check_read
from depthscope.store.names import given

if TYPE_CHECKING:
    from depthscope.model.fit import Filling

# what these options say is needed for the configuration and the tokenizer as well as for the weights
_SHARED = ("revision", "token", "cache_dir", "code_revision")


@dataclass(frozen=True)
class Reading:
    """What came out of files.

    Attributes
    ----------
    network, tokenizer
    filling : Filling
        How the files fit the network; None for a GGUF file, of which that is proven as it is read.
    code : dict
        SHA-256 of the files of code that the model brought and that was run, by name.
    unread : str
        What else the model brought, and was not used.
    extractor
        Of sound, if the network hears.
    """

    network: Any
    tokenizer: Any
    filling: "Filling | None" = None
    code: dict[str, str] = field(default_factory=dict)
    unread: str = ""
    converted: Path | None = None
    extractor: Any = None


@dataclass(frozen=True)
class Wish:
    """How something is to be read.

    Attributes
    ----------
    stack : {"encoder", "decoder"}, optional
    quantization : str or transformers quantisation config, optional
    device : str
        For weights that are packed as they arrive.
    trust : Trust
    options : dict
        Passed to ``from_pretrained``.
    """

    stack: Stack | None
    quantization: Any
    device: str
    trust: Trust
    options: dict[str, Any]

    def pack(self, source: str | Path, config: Any = None) -> None:
        """Ask transformers for the scheme, if one is asked for; refused before any weight is read."""
        dtype = self.options.get("dtype")
        chosen = quantization_config(
            self.quantization,
            source=source,
            device=self.device,
            dtype=None if isinstance(dtype, str) else dtype,
            source_config=config,
        )
        if chosen is not None:
            self.options["quantization_config"] = chosen
            self.options.setdefault("device_map", {"": self.device})


def read(source: Any, tokenizer: Any, wish: Wish) -> Reading:
    """Network and tokenizer.

    A quantised network is put on its device here, because its weights are packed as they arrive; any other is left to the
    caller.
    """
    transformers = require("transformers", "models")
    if not isinstance(source, str | PathLike):
        raise DepthscopeError(f"a {type(source).__name__} is not a model: give a name, a path, or (network, tokenizer)")
    path, options = given(source, "a model"), wish.options
    check_options(options, wish.trust)
    with quiet(transformers):
        folder = pretrained_folder(str(source))
        if folder is None and path.suffix.lower() == ".gguf":
            if not path.is_file():
                raise DepthscopeError(f"{path}: no such file")
            wish.pack(path)
            # which accounts for every tensor itself
            return Reading(*load_gguf(path, tokenizer, **options))
        if folder is None:
            _check_place(path, str(source), options)
            return _from_pretrained(str(source), tokenizer, wish)
        as_it_stands = tokenizer is None and wish == Wish(None, None, "cpu", Trust(False, False), {})
        found = _from_pretrained(str(folder), tokenizer, wish)
        return replace(found, converted=folder) if as_it_stands else found


def check_options(options: dict[str, Any], trust: Trust) -> None:
    """Refuse what would read weights in another way than is proven here."""
    if options.get("state_dict") is not None:
        raise DepthscopeError(
            "state_dict= goes with no name: fill a network with it, and give depthscope.load(network, tokenizer)"
        )
    if options.get("weights_only") is False:
        raise DepthscopeError("weights_only=False would let a pickle run any code: leave it out")
    if options.get("use_safetensors") is False and not trust.pickles:
        raise DepthscopeError("use_safetensors=False asks for pickles: give allow_pickle=True, or leave it out")
    if options.get("gguf_file") is not None:
        raise DepthscopeError("gguf_file= is not needed: give the path of the .gguf file as the model")
    options.pop("output_loading_info", None)


def _check_place(path: Path, name: str, options: dict[str, Any]) -> None:
    if path.is_file() and path.suffix.lower() in PICKLES:
        raise DepthscopeError(
            f"{path}: a pickle can run any code when it is read, so it is not; save the model with "
            "save_pretrained(folder), which writes safetensors, and load the folder"
        )
    if path.is_file():
        raise DepthscopeError(f"{path}: give the model's folder, with config.json in it, or a .gguf file")
    inside = path / str(options.get("subfolder") or "")
    if path.is_dir() and not (inside / "config.json").is_file() and not (inside / "adapter_config.json").is_file():
        raise DepthscopeError(f"{path}: the folder holds no model (no config.json)")
    if not path.is_dir():
        check_hub(name, options.get("revision"), options.get("cache_dir"))


def _from_pretrained(source: str, tokenizer: Any, wish: Wish) -> Reading:
    transformers = require("transformers", "models")
    from depthscope.model.fit import filling

    stack, trust, options = wish.stack, wish.trust, wish.options
    shared = {name: options[name] for name in _SHARED if name in options} | {"trust_remote_code": trust.code}
    local = Path(source) if Path(source).is_dir() else None
    if local is not None:
        files = check_folder(local, source, trust, options)
    with one_sentence(source, options=options):
        # a configuration that is given is the user's own word
        raw, config = ({}, given) if (given := options.get("config")) else read_settings(source, **shared)
        # a tokenizer that is given is used even where the model comes with none
        tokenizer = tokenizer or read_tokenizer(source, **shared)
        speech = speech_class(transformers, config) if stack is None else None
        loader = speech or auto_class(transformers, config, stack, source)
        extractor = transformers.AutoFeatureExtractor.from_pretrained(source, **shared) if speech else None
    if names := decoder_names(config, stack):
        options.setdefault("key_mapping", names)
    wish.pack(source, config)
    with one_sentence(source, options=options), _no_conversion():
        network, info = loader.from_pretrained(
            source,
            **{
                **options,
                "trust_remote_code": trust.code,
                "use_safetensors": None if trust.pickles else True,
                "output_loading_info": True,
                "ignore_mismatched_sizes": True,  # reported in our own words
            },
        )
    if getattr(network, "_hf_peft_config_loaded", False):
        raise DepthscopeError(
            f"{source}: an adapter, whose base cannot be proven to be whole; merge it (PEFT's merge_and_unload()), save the "
            "model with save_pretrained(folder), and load that folder"
        )
    with one_sentence(source):
        check_read(raw, network, source)
    said = "the hub"
    if (folder := local or snapshot(source, options.get("revision"), options.get("cache_dir"))) is not None:
        files = check_folder(folder, source, trust, options)
        said = _account(folder / str(options.get("subfolder") or ""), files, source, network, info, scheme_of(config))
    if wish.quantization is not None:
        confirm(network, wish.quantization, source)
    found = filling(network, info, source, said)
    code, unread = code_of(network, tokenizer, network.config), _code_not_run(config, trust)
    return Reading(network, tokenizer, found, code, unread, extractor=extractor)


def _account(
    folder: Path, files: tuple[str, ...], source: str, network: Any, info: dict[str, Any], scheme: str | None
) -> str:
    """What the files hold, against what transformers says of them; where the weights came from, for the record."""
    check_twice(folder, files, source, network.base_model_prefix)
    if scheme is None:  # also where they are to be packed here
        floats = {key for key, one in network.named_parameters() if one.is_floating_point()}
        check_plain(folder, files, source, floats, info["unexpected_keys"])
    info["unexpected_keys"] = set(info["unexpected_keys"]) - idle(folder, files, info["unexpected_keys"], network)
    return told(folder, files)


def _code_not_run(config: Any, trust: Trust) -> str:
    """Code that the configuration names although transformers has a class of its own."""
    named = getattr(config, "auto_map", None)
    if trust.code or not named:
        return ""
    return f"the model's own code was not run ({type(config).__name__} is transformers' own)"


@contextmanager
def _no_conversion() -> Iterator[None]:
    """Pickles on the hub are not sent to a service that converts them: its answer is another revision."""
    name = "DISABLE_SAFETENSORS_CONVERSION"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

"""Whether a model id can be had at all, asked before a client spends a minute on retries."""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from depthscope.errors import DepthscopeError, require

_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def check_hub(name: str, revision: str | None = None, cache_dir: str | None = None) -> None:
    """Refuse a name that is neither in the local cache of the hub nor to be had from it."""
    hub = require("huggingface_hub", "models")
    way_out = (
        "use a local folder, a .gguf file or a name of 'depthscope models', such as 'embedded' (which need no hub)"
    )
    try:
        cached = hub.try_to_load_from_cache(name, "config.json", cache_dir, revision)
    except ValueError:
        raise DepthscopeError(f"{name}: no such folder, and not a valid model id; {way_out}") from None
    if isinstance(cached, str):
        return
    if hub.constants.HF_HUB_OFFLINE:
        raise DepthscopeError(f"{name}: no such folder, and not in the hub's cache while offline; {way_out}")
    host = urlsplit(hub.constants.ENDPOINT).hostname
    # behind a proxy only the proxy resolves names
    if host is None or any(os.environ.get(variable) for variable in _PROXIES):
        return
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        raise DepthscopeError(
            f"{name}: no such folder, and the model hub ({host}) is out of reach; {way_out}"
        ) from None


def snapshot(name: str, revision: str | None = None, cache_dir: str | None = None) -> Path | None:
    """Folder in the local cache of the hub in which the files of a model stand."""
    hub = require("huggingface_hub", "models")
    found = hub.try_to_load_from_cache(name, "config.json", cache_dir, revision)
    return Path(found).parent if isinstance(found, str) else None

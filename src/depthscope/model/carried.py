"""Passes that go on where others ended: keys, values and recurrent states are carried along, and cut."""

import inspect
from typing import Any

import torch

from depthscope.errors import DepthscopeError, require
from depthscope.model.compiled import uncompiled
from depthscope.model.model import Model, measuring

# what networks call what they carry, the newest name first
NAMES = ("cache", "past_key_values", "cache_params")
# layers of a cache that can be cut, or that need not be; kinds that a release does not know are not met there
CUT = ("DynamicLayer", "LinearAttentionLayer", "LinearAttentionAndFullAttentionLayer", "DummyLayer")
SLIDING = "DynamicSlidingWindowLayer"

Cache = Any  # transformers.DynamicCache
Pairs = list[tuple[torch.Tensor, torch.Tensor] | None]  # keys and values (rows, heads, tokens, features) of each layer


class Carrier:
    """Makes, runs and cuts the caches of one network.

    Parameters
    ----------
    model : Model

    Attributes
    ----------
    placed : bool
        The network is given the positions of its tokens; if not, it counts what is in its cache.

    Raises
    ------
    DepthscopeError
        An encoder, a network without a cache, or one whose cache is of a kind that cannot be cut.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        if not model.causal:
            raise refusal(model, "an encoder sees what follows a token, so that nothing can be carried along")
        taken = inspect.signature(uncompiled(model.trunk).forward).parameters
        self._name = next((name for name in NAMES if name in taken), "")
        self.placed = "position_ids" in taken
        if not self._name:
            raise refusal(model, f"{type(model.trunk).__name__} takes no cache of keys and values")
        network: Any = model.network
        config = network.config.get_text_config(decoder=True)
        if getattr(config, "attention_chunk_size", None) or "chunked_attention" in (
            getattr(config, "layer_types", None) or ()
        ):
            raise refusal(model, "its attention is cut into chunks at fixed places of the text")
        kinds = {type(layer).__name__ for layer in self.begin().layers}
        if odd := sorted(kinds - set(CUT)):
            raise refusal(model, f"its cache is of a kind that cannot be cut ({', '.join(odd)})")

    def begin(self) -> Cache:
        """An empty cache; of sliding layers too a plain one, since what slides is cut here, and hidden by their mask."""
        caches = require("transformers.cache_utils", "models")
        cache = caches.DynamicCache(config=self.model.network.config)
        cache.layers = [caches.DynamicLayer() if type(x).__name__ == SLIDING else x for x in cache.layers]
        return cache

    def run(self, ids: torch.Tensor, start: torch.Tensor | int, cache: Cache) -> None:
        """One pass without the head over tokens (B, T) that are at ``start``, behind those of the cache, which grows.

        ``start`` : int or Tensor (B,), the position of the first of each row. Nothing is masked: rows have no padding but
        behind their last token.
        """
        inputs = {"input_ids": ids, self._name: cache, "use_cache": True}
        if self.placed:
            first = torch.as_tensor(start, device=ids.device).expand(len(ids))
            inputs["position_ids"] = first[:, None] + torch.arange(ids.shape[1], device=ids.device)
        with measuring(self.model.network):
            self.model.trunk(**inputs)

    def last(self, cache: Cache) -> Pairs:
        """Keys and values of every token in the cache."""
        return [(layer.keys, layer.values) if _attends(layer) else None for layer in cache.layers]

    def cut(self, cache: Cache, keep: int, before: Pairs | None = None) -> None:
        """Leave the last ``keep`` tokens in the cache, behind those of ``before``; recurrent states stay as they are."""
        with measuring(self.model.network):
            for i, layer in enumerate(cache.layers):
                if not _attends(layer):
                    continue
                first = layer.keys.shape[-2] - keep
                pair = layer.keys[..., first:, :], layer.values[..., first:, :]
                lead = None if before is None else before[i]
                if lead is not None:
                    pair = torch.cat([lead[0], pair[0]], -2), torch.cat([lead[1], pair[1]], -2)
                layer.keys, layer.values = pair

    def select(self, cache: Cache, rows: int) -> None:
        """Leave the first ``rows`` texts in the cache."""
        with measuring(self.model.network):
            cache.reorder_cache(torch.arange(rows, device=self.model.device))


def refusal(model: Model, why: str) -> DepthscopeError:
    """What is said of a network that cannot be read with a rolling cache."""
    return DepthscopeError(f"{model.name}: cannot be read on the roll, because {why}; use --reading windows")


def attended(cache: Cache) -> list[bool]:
    """For each layer, whether all that it carries are keys and values, so that nothing is left of what is cut."""
    return [not hasattr(layer, "recurrent_states") for layer in cache.layers]


def _attends(layer: Any) -> bool:
    return isinstance(getattr(layer, "keys", None), torch.Tensor)

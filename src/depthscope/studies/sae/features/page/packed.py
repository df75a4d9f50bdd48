"""All features in few bytes: columns of numbers as text, in which every token is a number of a table that all share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from depthscope.drawing.reading import visible
from depthscope.report.page.coded import coded
from depthscope.studies.sae.features.collected import EDGES
from depthscope.studies.sae.features.shelf import Around

if TYPE_CHECKING:
    from depthscope.studies.sae.features.index import FeatureIndex, Features

# activations are shares of what the colours reach up to, in so many steps; what was not measured is one more
STEPS, UNSEEN = 254, 255
# what is not known, among numbers with so many steps to 1
MISSING = -(2**15)
HUNDREDTHS, THOUSANDTHS, FINEST = 100, 1000, 10_000


class Table:
    """Texts by number, each once; the first is that of no token.

    Parameters
    ----------
    words : mapping of int to str
        Texts of tokens.
    """

    def __init__(self, words: Mapping[int, str]) -> None:
        ids = np.sort(np.fromiter(words, np.int64, len(words)))
        self._ids = ids
        self.texts = ["", *(visible(words[i]) for i in ids.tolist())]

    def placed(self, ids: NDArray[Any]) -> dict[str, str]:
        """Tokens as places in the table, in two bytes each, or in three where the table is long; -1 is no token."""
        places = np.where(ids < 0, 0, np.searchsorted(self._ids, ids) + 1)
        low = {"low": coded(places & 0xFFFF, np.uint16)}
        return low if len(self.texts) <= 2**16 else {**low, "high": coded(places >> 16, np.uint8)}


def packed(index: "FeatureIndex") -> dict[str, Any]:
    """What the page's script draws everything from.

    Of ``dictionaries``, each column holds its latents one behind the other, as the script says.
    """
    table = Table(index.words)
    documents = _documents(index.features.values())
    names = list(index.features)
    return {
        "texts": table.texts,
        "documents": documents,
        "edges": [float(f"{edge:.6g}") for edge in EDGES],
        "dictionaries": [_dictionary(name, index.features[name], names, table, documents) for name in names],
    }


def _documents(features: Any) -> list[str]:
    kept = [around.document[one.shown] for one in features for around in (one.collected.top, one.collected.random)]
    return sorted({str(name) for some in kept for name in some.ravel()})


def _dictionary(
    name: str, one: "Features", names: Sequence[str], table: Table, documents: Sequence[str]
) -> dict[str, Any]:
    kept, shown = one.collected, one.shown
    known = np.flatnonzero(kept.histogram[shown].any(0))
    bins = slice(int(known[0]), int(known[-1]) + 1) if len(known) else slice(0, 1)
    found: dict[str, Any] = {
        "name": name,
        "layer": one.site.layer,
        "count": len(shown),
        "latents": kept.latents,
        "total": kept.total,
        "before": kept.settings.before,
        "width": kept.settings.width,
        "latent": coded(shown, np.uint32),
        "fires": coded(kept.count[shown], np.uint32),
        "mean": coded(kept.mean[shown], np.float32),
        "maximum": coded(kept.maximum[shown], np.float32),
        "reach": coded(kept.reach[shown], np.float32),
        "first": bins.start,
        "bins": bins.stop - bins.start,
        "histogram": _shares(kept.histogram[shown, bins], kept.count[shown]),
        "top": _around(kept.top.at(shown), kept.reach[shown], table, documents),
        "random": _around(kept.random.at(shown), kept.reach[shown], table, documents),
        "tokens": {
            **_wide(kept.token),
            **table.placed(kept.token[shown]),
            "share": steps(kept.token_share[shown], FINEST),
            "rate": steps(kept.token_rate[shown], FINEST),
        },
        "partners": {
            **_wide(kept.partner),
            "latent": coded(kept.partner[shown], np.int32),
            "jaccard": steps(kept.partner_jaccard[shown], FINEST),
            "pmi": steps(kept.partner_pmi[shown], HUNDREDTHS),
        },
        "near": {
            **_wide(one.near.latent),
            "latent": coded(one.near.latent, np.int32),
            "cosine": steps(one.near.cosine, FINEST),
        },
        "across": [
            {"name": other, "latent": coded(near.latent, np.int32), "cosine": steps(near.cosine, FINEST)}
            for other, near in one.across.items()
        ],
    }
    if one.effect:
        found["effect"] = {
            **_wide(one.effect.up),
            "states": one.effect.states,
            "up": table.placed(one.effect.up),
            "down": table.placed(one.effect.down),
            "up_by": coded(one.effect.up_by, np.float32),
            "down_by": coded(one.effect.down_by, np.float32),
        }
    if one.depths:
        depths = one.depths
        found["depth"] = {
            "states": depths.separation.shape[1],
            "total": depths.total,
            "fires": coded(depths.count, np.uint32),
            "separation": steps(depths.separation, HUNDREDTHS),
            "cse": steps(depths.cse, FINEST),
            "other_cse": steps(depths.other_cse, FINEST),
            "cse_gap": steps(depths.cse_gap, THOUSANDTHS),
        }
    return found


def steps(values: NDArray[Any], to_one: int) -> str:
    """Numbers in two bytes, in so many steps to 1; NaN is :data:`MISSING`."""
    reach = (2**15 - 1) / to_one
    whole = np.round(np.clip(np.nan_to_num(values), -reach, reach) * to_one)
    return coded(np.where(np.isnan(values), MISSING, whole), np.int16)


def _wide(columns: NDArray[Any]) -> dict[str, int]:
    return {"width": columns.shape[1]}


def _shares(histogram: NDArray[Any], count: NDArray[Any]) -> str:
    """Of a latent's firings, in 65,535 steps; what is there at all is one step at least."""
    shares = np.ceil(histogram / np.maximum(count, 1)[:, None] * (2**16 - 1))
    return coded(shares, np.uint16)


def _around(kept: Around, reach: NDArray[Any], table: Table, documents: Sequence[str]) -> dict[str, Any]:
    shares = np.ceil(np.clip(kept.lit / reach[:, None, None], 0, 1) * STEPS)
    number = np.searchsorted(np.array(documents, dtype=object), kept.document.ravel())
    return {
        "places": kept.value.shape[1],
        "value": coded(kept.value, np.float32),
        "document": coded(number, np.uint16 if len(documents) <= 2**16 else np.uint32),
        "place": coded(kept.place, np.uint32),
        **table.placed(kept.ids),
        "lit": coded(np.where(np.isnan(kept.lit), UNSEEN, np.nan_to_num(shares)), np.uint8),
    }

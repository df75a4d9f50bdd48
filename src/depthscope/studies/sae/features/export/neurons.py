"""Latents as records of OpenAI's automated-interpretability, one in each line of a file of JSON.

A line is what its ``neuron_explainer.fast_dataclasses.loads`` turns into a ``NeuronRecord`` with its ``ActivationRecord``s;
a record has no field for what it is of, so that this stands in a file beside it. Bills et al. (2023), "Language models can
explain neurons in language models".
"""

import json
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from depthscope.errors import DepthscopeError
from depthscope.store.files import atomic, write_text
from depthscope.studies.sae.features.feature import FeatureCard, Occurrence
from depthscope.studies.sae.features.index import FeatureIndex


def write_neurons(index: FeatureIndex, folder: str | Path) -> list[Path]:
    """Write ``NAME.jsonl`` for each dictionary, with all latents that fire, and ``NAME.json``, which says what they are of.

    In a record, the layer is that of the block, counted from 0 as there (-1 is the stream before the first), the mean is over
    all tokens, and the random samples are of places where the latent fires, in the order of its quantiles. What was not
    measured (special tokens, the first of a text) has the activation 0.

    Parameters
    ----------
    index : FeatureIndex
        From :func:`depthscope.studies.sae.features.showing.show_features`.
    folder : str or path
        It is made.

    Returns
    -------
    list of Path
        The files of records.

    Raises
    ------
    DepthscopeError
        The folder is a file.
    """
    place = made_folder(folder)
    written = []
    for name, one in index.features.items():
        stem = name.replace("/", "-")
        alive = one.shown[one.collected.count[one.shown] > 0]
        with atomic(place / f"{stem}.jsonl") as scratch, scratch.open("w", encoding="utf-8") as lines:
            for latent in alive.tolist():
                lines.write(json.dumps(neuron_record(index.card(latent, name)), allow_nan=False) + "\n")
        about = {
            **index.about.get(name, {}),
            "tokens": one.collected.total,
            "records": len(alive),
            "settings": index.settings,
        }
        write_text(place / f"{stem}.json", json.dumps(about, indent=1, default=str))
        written.append(place / f"{stem}.jsonl")
    return written


def neuron_record(card: FeatureCard) -> dict[str, Any]:
    """A latent as a ``NeuronRecord``."""
    random = [_record(card, seen) for seen in card.random]
    # quantiles of the activations where it fires, the lowest first: a record of each
    values = np.array(sorted(seen.value for seen in card.random))
    return {
        "dataclass_name": "NeuronRecord",
        "neuron_id": {
            "dataclass_name": "NeuronId",
            "layer_index": card.site.layer - 1,
            "neuron_index": card.latent,
        },
        "random_sample": random,
        "random_sample_by_quantile": [[record] for record in reversed(random)],
        "quantile_boundaries": ((values[1:] + values[:-1]) / 2).tolist(),
        "mean": card.mean * card.density,
        "variance": None,
        "skewness": None,
        "kurtosis": None,
        "most_positive_activation_records": [_record(card, seen) for seen in card.top],
    }


def _record(card: FeatureCard, seen: Occurrence) -> dict[str, Any]:
    return {
        "dataclass_name": "ActivationRecord",
        "tokens": card.pieces(seen),
        "activations": [value if isfinite(value) else 0.0 for value in seen.lit],
    }


def made_folder(folder: str | Path) -> Path:
    """The folder, made if it is not there."""
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DepthscopeError(f"{place}: no folder can be made there ({problem.strerror}); give another") from None
    return place

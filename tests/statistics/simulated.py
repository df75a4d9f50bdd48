"""Studies in which the answer is known."""

import numpy as np
import xarray as xr


def measure(values, conditions=("a", "b"), **coords):
    """(item, condition, layer) from an array of that shape, with coordinates over items, or over items and conditions."""
    values = np.asarray(values, dtype=float)
    items = [f"i{k}" for k in range(len(values))]
    named = {name: (("item", "condition") if np.ndim(v) == 2 else "item", v) for name, v in coords.items()}
    return xr.DataArray(
        values,
        dims=("item", "condition", "layer"),
        coords={
            "item": items,
            "condition": list(conditions),
            "layer": np.arange(1, values.shape[2] + 1),
            **named,
        },
        name="cse",
    )


def smooth(rng, items, layers):
    """Noise of variance 1, correlated along depth."""
    noise = rng.normal(size=(items, layers + 2))
    return (noise[:, :-2] + noise[:, 1:-1] + noise[:, 2:]) / np.sqrt(3)


def largest_cluster(t, threshold):
    """Mass and signed peak of the largest cluster of one map, by walking along it; without one, 0 and the largest t."""
    best, peak = 0.0, t[np.argmax(np.abs(t))]
    for sign in (1, -1):
        mass, top = 0.0, 0.0
        for value in [*(sign * t), -np.inf]:
            if value > threshold:
                mass, top = mass + value, max(top, value)
                continue
            if mass > best:
                best, peak = mass, sign * top
            mass, top = 0.0, 0.0
    return best, peak

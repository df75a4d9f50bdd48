"""Does the choice of definition matter? ``python -m benchmarks.choices DATA``, with the Cardillo corpus in DATA.

Prints the table of docs/definition.md: one row per setting, with its largest cluster. Nothing is chosen by it.
"""

import sys
from typing import Any

import numpy as np

import depthscope as ds

EXPLICIT = np.geomspace(2, 15, 16)

SETTINGS: dict[str, dict[str, Any]] = {
    "default: paul(4), masked": {},
    "morlet(6), scales 2 to 15, no mask": {"wavelet": "morlet", "scales": EXPLICIT, "mask_coi": False},
    "morlet(6), masked": {"wavelet": "morlet"},
    "morlet(6), no mask": {"wavelet": "morlet", "mask_coi": False},
    "morlet(6), no mask, symmetric": {"wavelet": "morlet", "mask_coi": False, "padding": "symmetric"},
    "paul(4), no mask": {"mask_coi": False},
    "paul(4), no mask, symmetric": {"mask_coi": False, "padding": "symmetric"},
    "paul(4), masked, symmetric": {"padding": "symmetric"},
    "paul(4), masked, periodic": {"padding": "periodic"},
    "paul(4), masked, renormalize": {"padding": "renormalize"},
    "paul(2), masked": {"wavelet": "paul(2)"},
    "dog(2), masked": {"wavelet": "dog(2)"},
    "haar, masked": {"wavelet": "haar"},
    "L1": {"energy_norm": "L1"},
    "zero-mean filters": {"zero_mean": "filter"},
    "zero-mean signal": {"zero_mean": "signal"},
    "sampling by cell": {"sampling": "cell"},
    "without the last update": {"layers": (1, 29)},
    "8 scales": {"scales": 8},
    "32 scales": {"scales": 32},
    "direction": {"signal": "direction"},
    "log norm": {"signal": "norm"},
    "state": {"signal": "state"},
}


def main(folder: str) -> None:
    traj = ds.trace(ds.load("embedded"), ds.read_stimuli("cardillo", folder=folder))
    print("| setting | layers | p | largest dz in it | at layer |\n|---|---|---|---|---|")
    for name, choice in SETTINGS.items():
        result = ds.contrast(ds.cse(traj, **choice), "metaphor", "literal", forming_p=0.1)
        c = max(result.clusters, key=lambda cluster: abs(cluster.mass))
        interval = f"{c.dz:+.2f} [{c.dz_low:+.2f}, {c.dz_high:+.2f}]"
        print(f"| {name} | {c.first} to {c.last} | {c.p:.4f} | {interval} | {c.peak_layer} |")


if __name__ == "__main__":
    main(sys.argv[1])

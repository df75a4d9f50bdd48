"""How a p, an effect, a range of layers, a list of names and a size in bytes are written, wherever they are told."""

from collections.abc import Iterable
from math import isnan

# what is called found: p at most this
ALPHA = 0.05
# names in one sentence
MANY = 6


def p_text(p: float) -> str:
    """``p = .031``; below .001 no more than that."""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def effect_text(dz: float, low: float, high: float) -> str:
    """``+0.40 [+0.27, +0.52]``; says so where there is no interval (too few items, or no spread)."""
    return f"{dz:+.2f} [no interval]" if isnan(low) else f"{dz:+.2f} [{low:+.2f}, {high:+.2f}]"


def range_text(first: float, last: float) -> str:
    """``3``, ``3-12``."""
    return f"{first:g}" if first == last else f"{first:g}-{last:g}"


def layers_text(first: float, last: float) -> str:
    """``layer 3``, ``layers 3-12``."""
    return f"layer{'' if first == last else 's'} {range_text(first, last)}"


def names_text(names: Iterable[object], many: int = MANY) -> str:
    """``a, b and c``; of more than ``many``, the first of them and how many more."""
    shown = [str(name) for name in names]
    # where names have commas of their own, these would not show where one ends
    comma = "; " if any(", " in name for name in shown) else ", "
    if len(shown) > many:
        return f"{comma.join(shown[:many])} and {len(shown) - many} more"
    return " and ".join(filter(None, [comma.join(shown[:-1]), *shown[-1:]]))


def size_text(count: float) -> str:
    """``538 MB``, ``1.20 GB``: bytes by thousands, as disks and downloads are told."""
    if count >= 1e9:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e7 else f"{count / 1e6:.3g} MB"

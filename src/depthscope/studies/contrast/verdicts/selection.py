"""How large is the effect where other items chose its layers?"""

from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.levels import selection
from depthscope.words import ALPHA, layers_text


def selection_words(c: Contrast) -> str:
    """dz over the layers of the strongest cluster, too large, and that of split halves; empty without either."""
    found, strongest = selection(c), c.strongest(ALPHA)
    if found is None or strongest is None:
        return ""
    chosen = "of the items that chose these layers, which makes it too large on average"
    others = f"layers that one half of the items chose have {found.other:+.2f} in the other half"
    where = layers_text(strongest.first, strongest.last)
    return f"over {where} dz is {found.own:+.2f}, {chosen}; {others}{', as much' if found.as_much else ''}"

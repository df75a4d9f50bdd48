"""How large is the effect where other items chose its layers?"""

import numpy as np

from depthscope.statistics.result import Contrast
from depthscope.words import ALPHA, layers_text

# of dz: from this share on, what other halves show is told as being as much
AS_MUCH = 0.95


def selection_words(c: Contrast) -> str:
    """dz over the layers of the strongest cluster, too large, beside that of split halves; empty without either."""
    strongest = c.strongest(ALPHA)
    if strongest is None or np.isnan(c.halves.window):
        return ""
    own = c.over(strongest.first, strongest.last).dz
    chosen = "of the items that chose these layers, which makes it too large on average"
    others = f"layers that one half of the items chose have {c.halves.window:+.2f} in the other half"
    as_much = c.halves.window / own >= AS_MUCH
    where = layers_text(strongest.first, strongest.last)
    return f"over {where} dz is {own:+.2f}, {chosen}; {others}{', as much' if as_much else ''}"

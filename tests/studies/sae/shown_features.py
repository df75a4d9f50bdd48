"""An index of features without a model: texts and activations drawn at random, one latent planted, tokens that are markup."""

from functools import cache

import numpy as np

from depthscope.capture.sites import Site
from depthscope.studies.sae.features.collect import Collector
from depthscope.studies.sae.features.collected import Collecting
from depthscope.studies.sae.features.depth import Depths
from depthscope.studies.sae.features.effect import Effect
from depthscope.studies.sae.features.index import FeatureIndex, Features
from depthscope.studies.sae.features.neighbours import Neighbours
from tests.studies.sae.fired_texts import cut, dense_fired, text_of, tokens_of

RUN = "document.title='run'"
HOSTILE = (
    f"</script><script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    "{{ 7 * 7 }}",
    "`${alert(1)}`",
    "**stars**",
    "\u202eturned",
    "\x1b[31m",
    "שלום",
    "🦈",
    "\n",
    "\t",
    "=SUM(1)",
)
LAYERS, BLOCKS = (3, 5), 8
# the planted latent, the token that it fires on, and one that never fires
PLANTED, TOKEN, DEAD = 4, 7, 6


def word(i: int) -> str:
    return HOSTILE[i // 5] if i % 5 == 0 and i // 5 < len(HOSTILE) else f" word{i}"


@cache
def made_index(
    latents: int = 30,
    vocabulary: int = 120,
    documents: int = 6,
    dictionaries: int = 2,
    layers: int = BLOCKS,
    busy: float = 0.2,
) -> FeatureIndex:
    """Of some dictionaries at layers 3, 5, ...; documents have names that are markup."""
    rng = np.random.default_rng(0)
    windows = [
        w for k in range(documents) for w in cut(f"<b>document</b> {k}.txt", rng.integers(0, vocabulary, 400), 200, 40)
    ]
    text = text_of(windows)
    names = [f"layer-{LAYERS[0] + 2 * d}" for d in range(dictionaries)]
    features = {}
    for d, name in enumerate(names):
        rate = rng.uniform(0.1, 1, latents) * busy
        fires = rng.random((len(text.ids), latents)) < rate
        fires[:, PLANTED], fires[:, DEAD] = text.ids == TOKEN, False
        collector = Collector(latents, Collecting())
        collector.add(dense_fired(np.where(fires, rng.lognormal(0, 1, fires.shape), 0)), text)
        features[name] = features_of(Site("resid", LAYERS[0] + 2 * d), collector, names, name, vocabulary, layers)
    words = {i: word(i) for i in range(vocabulary)}
    return FeatureIndex(
        "tiny <b>model</b>", features, words, {"Asked": {"corpus": "<i>books</i>"}}, "depthscope sae show '<x>'"
    )


def features_of(
    site: Site, collector: Collector, names: list[str], name: str, vocabulary: int, layers: int
) -> Features:
    kept = collector.collected()
    latents = kept.latents
    rng = np.random.default_rng(1)
    near = np.argsort(rng.random((latents, latents)), axis=1)[:, :8]
    dead = kept.count == 0
    up, down = rng.integers(0, vocabulary, (2, latents, 10))
    up[dead], down[dead] = -1, -1
    by = np.sort(rng.random((2, latents, 10)))[..., ::-1].copy()
    by[:, dead] = np.nan
    separation = rng.normal(size=(latents, layers + 1))
    separation[dead] = np.nan
    cse = rng.uniform(0.8, 0.9, (2, latents, layers))
    cse[:, :, 0] = np.nan
    cse[:, dead] = np.nan
    return Features(
        site,
        kept,
        np.arange(latents),
        Neighbours(near, np.sort(rng.uniform(-0.1, 0.9, near.shape))[:, ::-1]),
        {other: Neighbours(near[:, :1], rng.uniform(0, 1, (latents, 1))) for other in names if other != name},
        Effect(up, down, by[0], -by[1], 8),
        Depths(np.minimum(kept.count, 90), 1000, separation, cse[0], cse[1], rng.normal(size=(latents, layers))),
    )


__all__ = ["made_index", "tokens_of"]

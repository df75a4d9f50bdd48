"""From a corpus and a model to features: one call, and everything that can be wrong with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.capture.parts import Cut, window_lengths
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.corpus.memory import TextCorpus
from depthscope.corpus.read import read_corpus
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, Normalization, Origin
from depthscope.studies.sae.features.collected import Collecting
from depthscope.studies.sae.features.feature import FeatureCard
from depthscope.studies.sae.features.index import FeatureIndex
from depthscope.studies.sae.features.named import named
from depthscope.studies.sae.features.showing import evenly_spaced, show_features
from depthscope.studies.sae.features.spread import spread

WIDTH = 32
WORDS = (
    "the",
    "a",
    "lawyer",
    "saw",
    "shark",
    "in",
    "harbour",
    "and",
    "old",
    "hedge",
    "became",
    "wall",
    "storm",
    "key",
    "bridge",
)


def dictionary(
    site: Site | None, latents: int = 24, k: int = 4, seed: int = 0, normalization: Normalization = "none"
) -> Dictionary:
    rng = torch.Generator().manual_seed(seed)
    rows = torch.nn.functional.normalize(torch.randn(latents, WIDTH, generator=rng), dim=-1)
    zeros = torch.zeros(latents), torch.zeros(WIDTH)
    origin = Origin(site=site)
    return Dictionary(rows.clone(), zeros[0], rows, zeros[1], TopK(k), normalization=normalization, origin=origin)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four texts, one of them long, one that is markup."""
    folder = tmp_path_factory.mktemp("books")
    rng = np.random.default_rng(0)
    for name, count in (("a", 900), ("b", 60), ("c", 300), ("d", 200)):
        text = " ".join(rng.choice(WORDS, count))
        (folder / f"{name}.txt").write_text(text + " </script><script>document.title='run'</script>" * (name == "d"))
    return folder


SHORT: dict[str, Any] = {
    "tokens": 600,
    "sample": 200,
    "progress": False,
    "kept": Collecting(top=4, random=4, before=5, after=3),
}


@pytest.fixture(scope="module")
def index(tiny: ds.Model, books: Path) -> FeatureIndex:
    several = [dictionary(Site("resid", 3)), dictionary(Site("mlp", 4), seed=1), dictionary(Site("mlp-in", 5), seed=2)]
    found = show_features(tiny, several, books, command="depthscope sae show", **SHORT)
    assert isinstance(found, FeatureIndex)
    return found


def test_windows_come_from_many_documents_in_turn(tiny: ds.Model, books: Path) -> None:
    windows = list(spread(read_corpus(books), tiny, 10**9))
    assert [one.document for one in windows[:5]] == ["a.txt", "b.txt", "c.txt", "d.txt", "a.txt"]
    # of each document the windows that every other reader of corpora makes
    cut = Cut(*window_lengths(None, None, tiny.max_length), part=10**9)
    usual = [window for part in cut.parts(read_corpus(books), tiny.tokenizer) for window in part.windows]
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        mine, theirs = ([one for one in some if one.document == name] for some in (windows, usual))
        assert len(mine) == len(theirs)
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(one.ids, other.ids)
            assert (one.first, one.measured) == (other.first, other.measured)


def test_it_ends_when_there_are_enough(tiny: ds.Model, books: Path) -> None:
    some = list(spread(read_corpus(books), tiny, 200))
    assert 200 <= sum(len(one.start) for one in some) < 200 + 128
    many = TextCorpus("many", {f"document {k}": "the shark saw a wall" for k in range(40)})
    found = list(spread(many, tiny, 100))
    assert [one.document for one in found] == [f"document {k}" for k in range(len(found))]
    assert sum(len(one.start) for one in found) >= 100


def test_features_are_what_the_dictionary_says_of_the_models_states(
    tiny: ds.Model, books: Path, index: FeatureIndex
) -> None:
    assert list(index.features) == ["layer-3", "layer-4-mlp", "layer-5-mlp-in"]
    windows = list(spread(read_corpus(books), tiny, SHORT["tokens"]))
    sites = [Site("resid", 3), Site("mlp", 4), Site("mlp-in", 5)]
    ids: list[int] = []
    states: dict[Site, list[torch.Tensor]] = {site: [] for site in sites}
    for read in Taps(tiny, sites).read(windows):
        ids += read.ids.tolist()
        for site in sites:
            states[site].append(read.states[site])
    for seed, (name, site) in enumerate(zip(index.features, sites, strict=True)):
        dense = dictionary(site, seed=seed).encode(torch.cat(states[site])).dense().detach().numpy()
        kept = index.features[name].collected
        assert kept.total == len(dense)
        np.testing.assert_array_equal(kept.count, (dense > 0).sum(0))
        np.testing.assert_allclose(kept.maximum, dense.max(0), rtol=1e-6)
        np.testing.assert_allclose(kept.mean * kept.count, dense.sum(0), rtol=1e-4)
        for latent in np.flatnonzero(kept.count)[:5]:
            own = [ids[i] for i in np.flatnonzero(dense[:, latent])]
            assert own.count(int(kept.token[latent, 0])) == max(map(own.count, own))
    # texts of tokens are those of the tokenizer
    card = index.card(int(np.argmax(index.features["layer-3"].collected.count)), "layer-3")
    for seen in card.top:
        assert "".join(card.pieces(seen)) == tiny.tokenizer.decode(list(seen.ids))


def test_effects_are_of_dictionaries_that_write_to_the_stream(index: FeatureIndex) -> None:
    assert index.features["layer-3"].effect is not None
    assert index.features["layer-4-mlp"].effect is not None
    assert index.features["layer-5-mlp-in"].effect is None
    assert index.features["layer-3"].effect.states == 8
    for name, one in index.features.items():
        assert one.depths is not None
        assert one.depths.total >= 200
        # what goes into a part is no direction of the stream; but its tokens have a CSE
        assert np.isfinite(one.depths.separation).any() == (name != "layer-5-mlp-in")
        assert np.isfinite(one.depths.cse).any()
    assert list(index.features["layer-5-mlp-in"].across) == []


def test_dictionaries_are_compared_with_one_another(index: FeatureIndex) -> None:
    directions = (
        dictionary(Site("resid", 3)).decoder.detach().numpy() @ dictionary(None, seed=1).decoder.detach().numpy().T
    )
    near = index.features["layer-3"].across["layer-4-mlp"]
    np.testing.assert_array_equal(near.latent[:, 0], directions.argmax(1))
    np.testing.assert_allclose(near.cosine[:, 0], directions.max(1), atol=1e-6)


def test_one_feature_is_the_one_of_the_index(tiny: ds.Model, books: Path, index: FeatureIndex, tmp_path: Path) -> None:
    several = [dictionary(Site("resid", 3)), dictionary(Site("mlp", 4), seed=1)]
    latent = int(np.argmax(index.features["layer-3"].collected.count))
    one = show_features(tiny, several, str(books), layer=3, feature=latent, **SHORT)
    assert isinstance(one, FeatureCard)
    same = index.card(latent, "layer-3")
    # what was not measured is NaN, which is equal to nothing
    for name in ("count", "mean", "maximum", "top", "random"):
        assert repr(getattr(one, name)) == repr(getattr(same, name))
    assert [(near.latent, round(near.cosine, 5)) for near in one.near] == [
        (near.latent, round(near.cosine, 5)) for near in same.near
    ]
    assert [near.name for near in one.across] == ["layer-4-mlp"]
    # of one there is time for more
    assert one.states == 64
    assert one.sampled[0] > 0
    text = one.save(tmp_path / "one.html").read_text(encoding="utf-8")
    assert "<script>document.title" not in text


def test_some_latents_and_a_sample_of_many(tiny: ds.Model, books: Path) -> None:
    sae = dictionary(Site("resid", 3))
    some = show_features(tiny, sae, books, latents=[7, 2, 7], effect=False, **{**SHORT, "sample": 0})
    assert isinstance(some, FeatureIndex)
    assert some.features["layer-3"].shown.tolist() == [2, 7]
    assert some.features["layer-3"].effect is None
    assert some.features["layer-3"].depths is None
    assert list(some.to_dataframe()["latent"]) == [2, 7]
    few = show_features(tiny, sae, books, most=5, effect=False, **{**SHORT, "sample": 0})
    assert isinstance(few, FeatureIndex)
    shown = few.features["layer-3"].shown
    assert len(shown) == 5
    assert few.features["layer-3"].collected.count[shown].all()
    assert "5 of which are shown" in few.answer[0]


def test_a_layer_normed_dictionary_writes_in_the_units_of_the_stream(tiny: ds.Model, books: Path) -> None:
    """The same dictionary on states that it normalises itself: of the same order are the changes of logits."""
    plain = show_features(tiny, dictionary(Site("resid", 3)), books, **{**SHORT, "sample": 0})
    normed = show_features(tiny, dictionary(Site("resid", 3), normalization="layer"), books, **{**SHORT, "sample": 0})
    assert isinstance(plain, FeatureIndex)
    assert isinstance(normed, FeatureIndex)
    one, other = plain.features["layer-3"], normed.features["layer-3"]
    assert one.effect is not None
    assert other.effect is not None
    assert one.collected.mean.max() < other.collected.mean.max() / 5
    assert 0.5 < np.nanmax(one.effect.up_by) / np.nanmax(other.effect.up_by) < 2


def test_what_is_wrong_is_said_before_the_text_is_read(tiny: ds.Model, books: Path, refuses: Any) -> None:
    sae = dictionary(Site("resid", 3))
    nothing: list[Any] = []
    for given, words in (
        ({"layer": 9}, ("no dictionary reads it", "choose among 3")),
        ({"feature": 24}, ("layer-3 has 24 latents", "0 to 23")),
        ({"feature": -1}, ("feature=-1",)),
        ({"tokens": 0}, ("tokens=0",)),
        ({"wavelets": "haar"}, ("no option of show_features",)),
    ):
        with refuses(*words):
            show_features(tiny, sae, nothing, **given)
    with refuses("no dictionary: give one"):
        show_features(tiny, [], books)
    with refuses("does not say which site it reads", "origin"):
        show_features(tiny, dictionary(None), books)
    with refuses("feature 3 of which dictionary", "layer-3, layer-4"):
        show_features(tiny, [sae, dictionary(Site("resid", 4))], books, feature=3)
    wide = Dictionary(
        torch.eye(5), torch.zeros(5), torch.eye(5), torch.zeros(5), TopK(2), origin=Origin(site=Site("resid", 3))
    )
    with refuses("states of 5 features", "made for another model"):
        show_features(tiny, wide, books)
    with refuses("no window to read"):
        show_features(tiny, sae, nothing)
    with refuses("latents=99", "from 0 to 23"):
        show_features(tiny, sae, books, latents=[99], **SHORT)
    with refuses("has 6 blocks"):
        show_features(tiny, dictionary(Site("resid", 30)), books, **SHORT)
    with refuses("no token on which a latent could fire"):
        show_features(tiny, sae, TextCorpus("one", {"a": "a"}), **SHORT)


def test_names_tell_dictionaries_apart(refuses: Any) -> None:
    one, other = dictionary(Site("resid", 3)), dictionary(Site("resid", 3), latents=40)
    assert list(named([one, other])) == ["layer-3-n24", "layer-3-n40"]
    assert list(named({"mine": one})) == ["mine"]
    with refuses("two dictionaries are called layer-3-n24"):
        named([one, dictionary(Site("resid", 3), seed=5)])


@pytest.mark.parametrize(("count", "places"), [(0, []), (1, [0]), (3, [0, 2, 4]), (9, [0, 1, 2, 3, 4])])
def test_windows_of_a_sample_lie_from_the_first_to_the_last(count: int, places: list[int]) -> None:
    assert evenly_spaced([0, 1, 2, 3, 4], count) == places  # type: ignore[arg-type]

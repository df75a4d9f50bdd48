"""Shuffled batches of states: each token once a reading, the same batches however they are reached."""

from collections import Counter
from itertools import islice, takewhile

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.capture.parts import Cut
from depthscope.capture.sites import Site
from depthscope.capture.stream import Order, Stream
from depthscope.capture.taps import Taps
from depthscope.corpus.read import read_corpus
from tests.conftest import tiny_llama

SITES = [Site("resid", 2), Site("resid", 4)]
BATCH, BUFFER = 8, 40


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    place = tmp_path_factory.mktemp("corpus")
    words = ["sea", "calm", "boat", "wind", "harbour", "lamp", "stone", "letter", "garden", "winter", "road", "door"]
    generator = np.random.default_rng(0)
    for i in range(6):
        (place / f"{i}.txt").write_text(" ".join(generator.choice(words, 60)))
    return read_corpus(place)


@pytest.fixture(scope="module")
def taps(tokenizer):
    # in float64, so that rounded states tell tokens apart whatever ran beside them
    return Taps(ds.load(tiny_llama(len(tokenizer)).double(), tokenizer), SITES)


def stream(taps, corpus, steps=30, *, buffer=BUFFER, seed=0, **more) -> Stream:
    return Stream(taps, corpus, Order(Cut(16, 0, 50), BATCH, buffer, group=8, seed=seed), steps, **more)


def all_tokens(taps, corpus) -> Counter:
    """Each state that there is, once."""
    windows = [w for part in Cut(16, 0, 50).parts(corpus, taps.model.tokenizer) for w in part.windows]
    return Counter(key for read in taps.read(windows) for key in keys(read.states))


def keys(states) -> list[bytes]:
    return [row.numpy().round(9).tobytes() for row in states[SITES[0]] + 0.0]


def test_a_reading_hands_out_nearly_every_token_once_and_in_another_order(taps, corpus):
    there = all_tokens(taps, corpus)
    whole = stream(taps, corpus, 10**6)
    got = Counter(key for batch in takewhile(lambda _: not whole.epoch, whole.batches()) for key in keys(batch))
    assert got <= there
    # of each buffer the few tokens are over with which its last window is longer than it
    assert got.total() >= 0.8 * there.total()
    first = next(whole.batches())
    assert all(len(states) == BATCH for states in first.values())
    in_order = next(taps.read(islice(whole.windows(), 1)))
    assert not torch.equal(first[SITES[0]], in_order.states[SITES[0]][:BATCH])


def test_all_sites_see_the_same_tokens(taps, corpus):
    batch = next(stream(taps, corpus).batches())
    windows = [w for part in Cut(16, 0, 50).parts(corpus, taps.model.tokenizer) for w in part.windows]
    both = {}
    for read in taps.read(windows):
        both |= dict(zip(keys(read.states), read.states[SITES[1]], strict=True))
    for key, state in zip(keys(batch), batch[SITES[1]], strict=True):
        torch.testing.assert_close(both[key], state, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("buffer", [BUFFER, 10**5], ids=["many buffers", "the corpus in one"])
def test_a_batch_is_the_same_however_it_is_reached(taps, corpus, buffer):
    every = list(stream(taps, corpus, buffer=buffer).batches())
    assert len(every) == 30
    for start in (0, 7, 29):
        again = list(stream(taps, corpus, buffer=buffer).batches(start))
        assert len(again) == 30 - start
        for one, other in zip(every[start:], again, strict=True):
            assert all(torch.equal(one[site], other[site]) for site in SITES)


def test_a_seed_shuffles_otherwise(taps, corpus):
    one, other = (next(stream(taps, corpus, seed=seed).batches())[SITES[0]] for seed in (0, 1))
    assert not torch.equal(one, other)


def test_a_corpus_that_fits_runs_once(taps, corpus):
    whole = stream(taps, corpus, 200, buffer=10**5)
    for _ in whole.batches():
        pass
    assert whole.read == all_tokens(taps, corpus).total() == whole.corpus_tokens
    assert whole.epoch > 3


def test_a_longer_one_runs_again_when_it_is_at_its_end(taps, corpus):
    many = stream(taps, corpus, 80)
    for _ in many.batches():
        pass
    assert many.epoch >= 1
    assert many.corpus_tokens is None


def test_of_several_ranks_each_gets_its_share_of_each_batch(taps, corpus):
    whole = list(stream(taps, corpus, 12).batches())
    shares = [list(stream(taps, corpus, 12, rank=rank, ranks=3).batches()) for rank in range(3)]
    for step, batch in enumerate(whole):
        got = torch.cat([share[step][SITES[0]] for share in shares])
        assert len(got) == BATCH
        order = [np.lexsort(states.numpy().round(9).T) for states in (batch[SITES[0]], got)]
        torch.testing.assert_close(batch[SITES[0]][order[0]], got[order[1]], rtol=1e-4, atol=1e-5)


def test_states_are_kept_and_read_back_to_the_bit(taps, corpus, tmp_path):
    plain = list(stream(taps, corpus).batches())
    first = list(stream(taps, corpus, cache=tmp_path / "states").batches())
    second = stream(taps, corpus, cache=tmp_path / "states")
    for one, two, three in zip(plain, first, second.batches(), strict=True):
        assert all(torch.equal(one[site], two[site]) and torch.equal(one[site], three[site]) for site in SITES)
    assert second.read == 0


def test_kept_states_serve_other_seeds_and_fewer_sites_but_nothing_else(taps, corpus, tmp_path, refuses):
    cache = tmp_path / "states"
    list(stream(taps, corpus, 5, cache=cache).batches())
    fewer = stream(Taps(taps.model, SITES[1:]), corpus, 5, seed=3, cache=cache)
    assert next(fewer.batches()).keys() == {SITES[1]}
    assert fewer.read == 0
    with refuses("states", "layer-1", "another folder"):
        next(stream(Taps(taps.model, [Site("resid", 1)]), corpus, cache=cache).batches())
    with refuses("buffer"):
        next(stream(taps, corpus, buffer=2 * BUFFER, cache=cache).batches())


@pytest.mark.parametrize("buffer", [BUFFER, 10**5], ids=["many buffers", "the corpus in one"])
@pytest.mark.parametrize(("kept", "read"), [(3, 1), (1, 2), (3, 2)])
def test_what_some_ranks_kept_any_number_of_them_reads(taps, corpus, tmp_path, kept, read, buffer):
    cache = tmp_path / "states"
    for rank in range(kept):
        list(stream(taps, corpus, 7, buffer=buffer, cache=cache, rank=rank, ranks=kept).batches())
    files = sorted(cache.iterdir())
    for rank in range(read):
        plain = stream(taps, corpus, 7, buffer=buffer, rank=rank, ranks=read)
        again = stream(taps, corpus, 7, buffer=buffer, cache=cache, rank=rank, ranks=read)
        for one, two in zip(plain.batches(), again.batches(), strict=True):
            for site in SITES:
                torch.testing.assert_close(one[site], two[site], rtol=1e-9, atol=1e-12)
        assert again.read == 0
    assert sorted(cache.iterdir()) == files
    # a set of which one is missing is of no use
    files[0].unlink()
    missing = stream(taps, corpus, 1, buffer=buffer, cache=cache, ranks=read)
    next(missing.batches())
    assert missing.read > 0


def test_a_damaged_file_of_states_is_named(taps, corpus, tmp_path, refuses):
    cache = tmp_path / "states"
    list(stream(taps, corpus, 5, cache=cache).batches())
    path = next(cache.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:100])
    with refuses(path.name, "damaged", "delete"):
        list(stream(taps, corpus, 5, cache=cache).batches())


def test_a_sample_is_the_beginning_of_the_first_buffer(taps, corpus):
    one = stream(taps, corpus)
    batches = list(islice(one.batches(), 2))
    assert torch.equal(one.sample(2 * BATCH)[SITES[0]], torch.cat([batch[SITES[0]] for batch in batches]))


@pytest.mark.parametrize("buffer", [BUFFER, 10**5], ids=["many buffers", "the corpus in one"])
def test_the_samples_of_several_ranks_are_one_where_they_are_added(taps, corpus, buffer):
    whole = stream(taps, corpus, buffer=buffer).sample(2 * BATCH + 3)
    shares = [stream(taps, corpus, buffer=buffer, rank=rank, ranks=3).sample(2 * BATCH + 3) for rank in range(3)]
    for site in SITES:
        # each state is with one rank alone
        assert sum((share[site] != 0).any(1).int() for share in shares).eq(1).all()
        torch.testing.assert_close(sum(share[site] for share in shares), whole[site], rtol=1e-9, atol=1e-12)


def test_more_ranks_than_windows_are_refused(taps, corpus, refuses):
    with refuses("3 windows to read at a time, fewer than the 4 processes", "larger buffer"):
        next(stream(taps, corpus, rank=1, ranks=4).batches())


def test_too_short_a_corpus_is_refused(taps, tmp_path, refuses):
    (tmp_path / "a.txt").write_text("Four words, no more.")
    with refuses("a.txt", "fewer than a batch of 8"):
        next(stream(taps, read_corpus(tmp_path / "a.txt")).batches())
    with refuses("buffer of 4"):
        next(stream(taps, read_corpus(tmp_path / "a.txt"), buffer=4).batches())


def test_states_that_are_not_finite_are_named(corpus, tokenizer, refuses):
    import depthscope as ds
    from tests.conftest import tiny_llama

    model = ds.load(tiny_llama(len(tokenizer), blocks=4), tokenizer)
    with torch.no_grad():
        model.network.model.layers[2].mlp.down_proj.weight.fill_(torch.inf)
    with refuses("layer-3", "NaN or infinity"):
        next(stream(Taps(model, [Site("resid", 3)]), corpus).batches())
    assert next(stream(Taps(model, [Site("resid", 2)]), corpus).batches())

"""Metrics of maps: their formulas by hand, the ends of their scales, and what chance gives."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from depthscope.capture.speech import Utterance
from depthscope.studies.asr.attribution import distribution
from depthscope.studies.asr.metrics.chance import ceiling, chance
from depthscope.studies.asr.metrics.erasure import Curve, deletion, insertion, most
from depthscope.studies.asr.metrics.infidelity import infidelity, perturbations
from depthscope.studies.asr.metrics.overlap import pointing, sharpness, spr, tloc
from depthscope.studies.asr.metrics.stability import alike, noised, shifted, under_noise, under_shift
from depthscope.studies.asr.metrics.table import mean_of, normalised
from depthscope.studies.asr.rivals.occlusion import occlusion
from depthscope.studies.asr.silencing.degrade import active
from depthscope.studies.asr.silencing.removing import frame_of, main_of, rehear, unaltered
from depthscope.studies.asr.wordwise import mean_over, sum_over, top_frames, within, words_of
from tests.studies.asr.spoken import utterance


@pytest.fixture(params=["spectrogram", "waveform"])
def spoken(request: pytest.FixtureRequest) -> Utterance:
    return utterance(request.param)


def some_maps(rows: int, frames: int, seed: int = 0) -> np.ndarray:
    return distribution(np.random.default_rng(seed).exponential(size=(rows, frames)) ** 3)


# deletion and insertion


def test_areas_are_those_of_their_formulas() -> None:
    curve = Curve(np.array([0.0, 0.1, 0.5]), np.log([[0.8, 0.4, 0.2]]), 2)
    nats = (0.1 * (0 + np.log(2)) / 2 + 0.4 * (np.log(2) + np.log(4)) / 2) / 0.5
    ratio = (0.1 * (0 + 0.5) / 2 + 0.4 * (0.5 + 0.75) / 2) / 0.5
    assert curve.nats[0] == pytest.approx(nats)
    assert curve.ratio[0] == pytest.approx(ratio)
    assert curve.probability[0] == pytest.approx(0.8 * (1 - ratio))
    same = Curve(np.array([0.0, 0.5, 1.0]), np.full((3, 3), -2.0), 2)
    assert (same.nats == 0).all()
    assert (same.ratio == 0).all()


@pytest.mark.parametrize("fill", ["silence", "mean"])
def test_a_curve_is_what_is_heard_without_the_frames_of_most_mass(spoken: Utterance, fill: str) -> None:
    maps = some_maps(len(spoken.positions), spoken.frames)
    curve = deletion(spoken, maps, levels=(0, 0.1, 0.5), fill=fill)
    for token, row in enumerate(maps):
        order, expected = np.argsort(-row), [unaltered(spoken)[token]]
        for share in (0.1, 0.5):
            mask = np.zeros((1, spoken.frames), bool)
            mask[0, order[: round(share * spoken.frames)]] = True
            expected.append(rehear(spoken, mask, fill)[0, token])
        np.testing.assert_allclose(curve.log_p[token], expected, atol=1e-5)
    assert curve.passes == 2 * len(maps)


def test_words_are_judged_by_all_their_tokens(spoken: Utterance) -> None:
    words = words_of(spoken)
    maps = mean_over(words, some_maps(len(spoken.positions), spoken.frames))
    np.testing.assert_allclose(maps.sum(-1), 1, atol=1e-6)
    curve = deletion(spoken, maps, levels=(0, 0.2))
    masks = top_frames(maps, round(0.2 * spoken.frames))
    heard = rehear(spoken, masks)
    expected = [heard[k, list(word)].sum() for k, word in enumerate(words)]
    np.testing.assert_allclose(curve.log_p[:, 1], expected, atol=1e-5)
    np.testing.assert_allclose(curve.log_p[:, 0], sum_over(words, unaltered(spoken)), atol=1e-5)


def test_insertion_ends_where_deletion_begins(spoken: Utterance) -> None:
    maps = some_maps(2, spoken.frames)
    gone, back = (one(spoken, maps, levels=(0, 0.3, 1)) for one in (deletion, insertion))
    np.testing.assert_allclose(gone.log_p[:, 0], back.log_p[:, -1], atol=1e-5)
    np.testing.assert_allclose(gone.log_p[:, -1], back.log_p[:, 0], atol=1e-5)
    # what one has taken out the other, of the opposite order, has put in
    other = insertion(spoken, maps.max() - maps, levels=(0, 1 - round(0.3 * spoken.frames) / spoken.frames))
    np.testing.assert_allclose(gone.log_p[:, 1], other.log_p[:, 1], atol=1e-5)


def test_frames_go_in_the_order_of_their_mass_and_ties_at_random() -> None:
    maps = np.array([[0.1, 0.4, 0.2, 0.3]])
    assert most(maps, np.array([0, 0.1, 0.5, 1.0])).astype(int).tolist() == [
        [[0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 1], [1, 1, 1, 1]]
    ]
    uniform = most(np.full((400, 10), 0.1), np.array([0.2]))[:, 0]
    assert (uniform.sum(-1) == 2).all()
    assert uniform.mean(0) == pytest.approx(0.2, abs=0.08)


def test_taking_out_what_matters_most_costs_most(spoken: Utterance) -> None:
    found = occlusion(spoken, width=0.1, hop=0.05)
    against = distribution(-found.signed)
    areas = [deletion(spoken, maps, levels=(0, 0.1, 0.2)).nats.mean() for maps in (found.map, against)]
    assert areas[0] > areas[1] + 0.5


def test_curves_of_what_is_not_there_are_refused(refuses: Any) -> None:
    spoken = utterance("spectrogram")
    with refuses("maps of shape (1, 3)", "5 tokens or 2 words"):
        deletion(spoken, np.ones((1, 3)))
    for levels in ((0.1, 0.2), (0,), (0, 0.2, 0.2), (0, 1.5)):
        with refuses("rise from 0 to at most 1"):
            deletion(spoken, some_maps(5, spoken.frames), levels=levels)


# place


def test_mass_within_an_interval_is_counted_by_the_share_of_frames(spoken: Utterance) -> None:
    step, times = spoken.model.times.step, spoken.times
    # from the middle of frame 3 to the end of frame 5
    inside = within(spoken, np.array([[times[3], times[5] + step / 2]]))
    expected = np.zeros(spoken.frames)
    expected[3:6] = 0.5, 1, 1
    np.testing.assert_allclose(inside[0], expected, atol=1e-9)
    maps = some_maps(1, spoken.frames)
    assert tloc(maps, inside)[0] == pytest.approx(maps[0, 3] / 2 + maps[0, 4] + maps[0, 5])
    assert within(dataclasses.replace(spoken, start=100.0), np.array([[times[3], times[5]]])).sum() == 0


def test_pointing_spr_and_sharpness_by_hand() -> None:
    maps = np.array([[0.7, 0.1, 0.1, 0.1], [0.25] * 4, [0, 1.0, 0, 0]])
    inside = np.array([[0.4, 1, 0, 0], [1, 0, 0, 0], [0, 0.5, 1, 0]])
    assert pointing(maps, inside).tolist() == [False, True, True]
    assert spr(maps, 0.5) == pytest.approx([0.8, 0.5, 1])
    entropy = -(0.7 * np.log(0.7) + 0.3 * np.log(0.1))
    assert sharpness(maps) == pytest.approx([1 - entropy / np.log(4), 0, 1])


def test_the_ends_of_the_scale(spoken: Utterance) -> None:
    generator = np.random.default_rng(5)
    start = generator.uniform(0.1, 0.4, 300)
    inside = within(spoken, np.column_stack([start, start + 0.2]))
    assert tloc(ceiling(inside), inside) == pytest.approx(1.0, abs=0.1)
    assert pointing(ceiling(inside), inside).all()
    maps = chance(spoken, 300, width=0.2)
    share = inside.sum(-1).mean() / spoken.frames
    for rows in maps.values():
        np.testing.assert_allclose(rows.sum(-1), 1, atol=1e-6)
    assert tloc(maps["random"], inside).mean() == pytest.approx(share, abs=0.02)
    np.testing.assert_allclose(tloc(maps["uniform"], inside), inside.mean(-1), atol=1e-6)
    assert sharpness(maps["uniform"]).max() < 1e-6 < sharpness(maps["random"]).min()
    # anywhere, and as wide as asked for where it is not cut off at an end
    peaks = maps["gaussian"].argmax(-1)
    assert (peaks.mean(), peaks.std()) == pytest.approx((spoken.frames / 2, spoken.frames / np.sqrt(12)), rel=0.1)
    middle = np.abs(peaks - spoken.frames / 2) < 3
    own = within(spoken, spoken.times[peaks][:, None] + np.array([[-0.1, 0.1]]))
    assert tloc(maps["gaussian"], own)[middle] == pytest.approx(0.954, abs=0.02)


# stability


def loudness(spoken: Utterance) -> np.ndarray:
    """A map that is made of the sound alone, and goes with it wherever it goes."""
    place = frame_of(spoken).numpy()
    if main_of(spoken).ndim == 3:
        energy = np.bincount(place, (main_of(spoken) - main_of(spoken).min())[0].mean(0) ** 4, spoken.frames + 1)[:-1]
    else:
        energy = np.bincount(place, np.pad(spoken.samples**2, (0, len(place) - len(spoken.samples))), spoken.frames)
        energy = energy[: spoken.frames]
    return distribution(np.stack([energy, energy**2]))


def test_noise_is_as_weak_as_it_is_said_to_be(spoken: Utterance) -> None:
    rest = noised(spoken, 10).samples - spoken.samples
    there = active(spoken.samples, 16_000)
    ratio = (spoken.samples[there] ** 2).mean() / (rest[there] ** 2).mean()
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.01)
    assert noised(spoken, 10).ids is spoken.ids


def test_without_noise_maps_are_the_same(spoken: Utterance) -> None:
    found = under_noise(spoken, lambda one: occlusion(one, width=0.2, hop=0.1).map, snr=200)
    np.testing.assert_allclose(found.overlap, 1, atol=0.02)
    assert under_noise(spoken, loudness, snr=0).overlap.max() < 0.99


def test_a_map_that_goes_with_the_sound_is_stable_under_a_shift(spoken: Utterance) -> None:
    found = under_shift(spoken, loudness, 0.1)
    assert found.overlap.min() > 0.85
    assert found.rho.min() > 0.9
    still = under_shift(spoken, lambda one: loudness(spoken), 0.1)
    assert (still.overlap < found.overlap - 0.05).all()


def test_a_shift_moves_samples_by_whole_frames_within_the_window(spoken: Utterance) -> None:
    moved = shifted(spoken, 5)
    by = round(5 * spoken.model.times.step * 16_000)
    np.testing.assert_array_equal(moved.samples[by:], spoken.samples)
    assert moved.frames == spoken.frames + 5
    assert (moved.samples[:by] != 0).all()
    full = utterance("spectrogram", 5.0)
    assert len(shifted(full, 5).samples) == len(full.samples)


def test_likeness_by_hand() -> None:
    first = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    second = np.array([[0.5, 0.0, 0.5], [0.0, 0.2, 0.1]])
    found = alike(first, second)
    assert found.overlap == pytest.approx([0.5, 0.0])
    assert found.rho == pytest.approx([stats.spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)])


def test_a_shift_of_no_frame_is_refused(refuses: Any) -> None:
    with refuses("less than half a frame"):
        under_shift(utterance("spectrogram"), loudness, 0.001)


# infidelity


def test_what_is_promised_exactly_is_not_unfaithful() -> None:
    masks = np.random.default_rng(0).random((50, 20)) < 0.3
    maps = some_maps(3, 20)
    drops = masks @ (maps * [[1.0], [4.0], [9.0]]).T
    assert infidelity(maps, masks, drops) == pytest.approx([0, 0, 0], abs=1e-12)
    assert infidelity(maps, masks, drops, scaled=False)[0] == pytest.approx(0, abs=1e-12)
    assert infidelity(maps, masks, drops, scaled=False)[1] == pytest.approx((9 * (masks @ maps[1]) ** 2).mean())


def test_the_scale_is_the_best_there_is() -> None:
    generator = np.random.default_rng(1)
    masks, drops, maps = generator.random((40, 20)) < 0.3, generator.normal(1, 1, (40, 1)), some_maps(1, 20)
    least = infidelity(maps, masks, drops)[0]
    plain = [infidelity(maps * by, masks, drops, scaled=False)[0] for by in np.linspace(0, 20, 4001)]
    assert least == pytest.approx(min(plain) / (drops**2).mean(), rel=1e-4)
    assert 0 <= least <= 1


def test_perturbed_sounds_are_what_is_heard(spoken: Utterance) -> None:
    found = perturbations(spoken, samples=12, most=0.4)
    assert found.masks.any(-1).all()
    assert found.masks.mean() == pytest.approx(0.2, abs=0.12)
    np.testing.assert_allclose(found.drops, unaltered(spoken) - rehear(spoken, found.masks), atol=1e-5)


# means


def test_intervals_are_scipys_where_words_are_drawn() -> None:
    values = np.random.default_rng(0).normal(size=40)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(0))
    ours = mean_of(values)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval))
    assert (ours.value, ours.words, ours.over) == (pytest.approx(values.mean()), 40, "words")


def test_words_of_a_clip_stay_together() -> None:
    clips = np.repeat(np.arange(10), 12)
    values = np.random.default_rng(0).normal(size=10)[clips]  # words of a clip are all the same
    apart, together = mean_of(values), mean_of(values, clips.tolist())
    assert together.over == "clips"
    assert together.high - together.low > 2.5 * (apart.high - apart.low)
    assert mean_of(values, (clips // 3).tolist()).over == "words"  # four clips are too few to draw from


def test_what_is_missing_is_left_out() -> None:
    found = mean_of(np.array([1.0, np.nan, 3.0]), ["a", "b", "c"])
    assert (found.value, found.words) == (2.0, 2)
    assert mean_of(np.array([np.nan])).words == 0


def test_the_papers_scale_is_of_the_methods_at_hand() -> None:
    table = pd.DataFrame({"TLoc": [0.2, 0.4, 0.3], "INF": [1.0, 3.0, 2.0], "SPR": [0.1] * 3}, index=["a", "b", "c"])
    scaled = normalised(table, ["INF"])
    assert scaled["TLoc"].tolist() == pytest.approx([0, 1, 0.5])
    assert scaled["INF"].tolist() == pytest.approx([1, 0, 0.5])
    assert scaled["SPR"].isna().all()

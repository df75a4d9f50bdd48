"""Where the right answer is known beforehand: planted attention, and chance."""

from typing import Any

import numpy as np
import pytest
import torch

from depthscope.capture.listening import listen
from depthscope.model.speech import hearing
from depthscope.studies.asr.attention.headmass import HeadMass, head_mass
from depthscope.studies.asr.attention.leafx import attention_map
from depthscope.studies.asr.calibration.roles import NEXT as HEARS_NEXT
from depthscope.studies.asr.calibration.roles import OTHER, Clip, head_roles
from depthscope.studies.asr.calibration.roles import READ as HEARS_READ
from depthscope.studies.asr.calibration.roles import SINK as RESTS
from depthscope.studies.asr.timing import word_spans
from depthscope.studies.asr.wordwise import within, words_of
from tests.studies.asr.planted import NEXT, READ, SINK, Planted


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


def top(rows: np.ndarray) -> list[int]:
    return rows.argmax(-1).tolist()


FINDING: tuple[dict[str, Any], ...] = (
    {"heads": [NEXT]}, {"heads": [NEXT], "causal": True}, {"layers": [NEXT[0]], "tau": 0.1}, {"tau": 0.1, "layers": [1]},
    {"rollout": True, "tau": 0.1, "layers": [1]},
    {"rollout": True, "tau": 0.1, "causal": True, "layers": [1]},
)  # fmt: skip


@pytest.mark.parametrize("choices", FINDING, ids=str)
def test_every_method_of_attention_that_uses_the_head_finds_the_frame(
    planted: Planted, choices: dict[str, Any]
) -> None:
    assert top(attention_map(planted.heard, **choices).map) == planted.at.tolist()


def test_one_row_earlier_or_later_is_another_token(planted: Planted) -> None:
    for head, right, wrong in ((NEXT, "predicts", "reads"), (READ, "reads", "predicts")):
        assert top(attention_map(planted.heard, heads=[head], rows=right).map) == planted.at.tolist()
        other = top(attention_map(planted.heard, heads=[head], rows=wrong).map)
        shift = 1 if wrong == "reads" else -1
        inside = slice(None, -1) if shift == 1 else slice(1, None)
        assert other[inside] == np.roll(planted.at, -shift)[inside].tolist()


def test_a_sink_says_nothing_and_says_so(planted: Planted) -> None:
    found = attention_map(planted.heard, heads=[SINK])
    assert found.beside["padding"].min() > 0.99
    # of what little is left on the sound a distribution is made all the same
    assert np.abs(found.map.sum(-1, dtype=np.float64) - 1).max() < 1e-6
    assert attention_map(planted.heard, heads=[NEXT]).beside["padding"].max() < 0.01


def test_words_are_timed_by_the_head_that_hears_them(planted: Planted) -> None:
    spans = word_spans(planted.heard, attention_map(planted.heard, heads=[NEXT]).map)
    middles = planted.times.mean(-1)
    assert (spans[:, 0] < middles).all()
    assert (middles < spans[:, 1]).all()


def test_calibration_gives_planted_heads_their_roles() -> None:
    clips = []
    for seed in range(4):
        one = Planted(seed)
        clips.append(Clip(head_mass(one.heard, within(one.heard, one.times)), tuple(words_of(one.heard))))
    roles = head_roles(clips, permutations=199)
    assert roles.role(*NEXT) == HEARS_NEXT
    assert roles.role(*READ) == HEARS_READ
    assert roles.role(*SINK) == RESTS
    assert roles.chosen == (NEXT,)
    assert roles.predicts[NEXT] > 0.9 > 0.3 > roles.chance[NEXT]


def test_heads_that_hear_nothing_have_a_role_as_often_as_stated() -> None:
    """Family-wise: of all heads together, in 5 of 100 calibrations."""
    found = 0
    seeds = 300
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        clips = []
        for _ in range(2):
            masses = random.dirichlet(np.full(8, 0.5), size=(2, 3, 7))[..., :7]
            noise = random.random((2, 3, 7))
            mass = HeadMass(masses, random.permuted(masses, axis=-1), 0.1 * noise, noise)
            clips.append(Clip(mass, tuple((k,) for k in range(7))))
        roles = head_roles(clips, permutations=99, seed=seed)
        found += any(roles.role(*at) != OTHER for at in np.ndindex(2, 3))
    # 15 are expected, with a standard deviation of 3.8
    assert 4 <= found <= 28


def test_the_plain_implementation_of_attention_gives_the_same(planted: Planted) -> None:
    with hearing(planted.model.network):
        plain = planted.heard.decode()
    assert torch.allclose(listen(planted.heard), plain, atol=1e-4)

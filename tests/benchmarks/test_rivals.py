"""The comparison with other libraries: what it is without them, and that both sides compute the same."""

import sys

import numpy as np
import pytest
import torch

import depthscope as ds
from benchmarks import rivals
from depthscope.arrays import depth_gram
from depthscope.instrument.cse import entropy


def test_a_library_that_is_missing_costs_its_rows_alone(monkeypatch, capsys):
    for library in rivals.RIVALS:
        monkeypatch.setitem(sys.modules, library, None)
    assert list(rivals.run()) == []
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(rivals.RIVALS)
    for library, line in zip(rivals.RIVALS, said, strict=True):
        assert library in line
        assert "pip install 'depthscope[rivals]'" in line


def test_the_transform_of_pywavelets_finds_the_same_values():
    updates = np.random.default_rng(0).normal(size=(20, 30, 64)).astype(np.float32)
    bank = rivals.same_filters(30)
    expected = entropy(bank.energy(depth_gram(updates)), bank.valid, True, 4)
    np.testing.assert_allclose(rivals.transformed(updates, bank), expected, rtol=1e-5)
    # and its wavelet, however roughly it samples it, is the one that is meant
    assert np.nanmax(np.abs(expected - ds.cse(updates, wavelet=rivals.OURS))) < 0.1


def hooked(model, ids):
    """States by hooks of our own, (text, L + 1, token, feature)."""
    seen = []
    with model.listening(lambda _, state: seen.append(state.clone())):
        model.run_trunk(ids)
    return torch.stack(seen, 1)


@pytest.mark.parametrize(
    ("library", "way"), [(library, way) for library, ways in rivals.RIVALS.items() for way in ways]
)
def test_a_rival_gives_the_states_that_hooks_see(embedded, library, way):
    pytest.importorskip(library)
    ids = torch.randint(100, 40_000, (2, 6), generator=torch.Generator().manual_seed(0))
    states = rivals.RIVALS[library][way](ds.load("embedded", device="cpu"))(ids)
    expected = hooked(embedded, ids)
    assert states.shape == expected.shape
    assert (states - expected).abs().max() < 1e-5 * expected.abs().max()


def test_both_sides_of_the_table_are_compared_on_the_same_work(monkeypatch, embedded):
    # hooks in the place of a rival, which need not be installed
    monkeypatch.setattr(rivals, "TEXTS", 2)
    monkeypatch.setattr(rivals, "TOKENS", 6)
    monkeypatch.setattr(rivals, "SAMPLED", 8)
    rows = list(rivals.compare("hooks", lambda ids: hooked(embedded, ids)))
    assert [row.against.split(":")[1].strip() for row in rows] == ["CPU time", "CPU time", "extra peak memory"] * 2
    assert all(row.ratio > 0 and np.isfinite(row.ratio) for row in rows)

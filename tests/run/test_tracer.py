"""Traces in a run folder are made once, whole, and survive whatever interrupts them."""

from contextlib import contextmanager

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.run.tracer import Tracer, by_target_token
from depthscope.store.datasets import digest, read_zarr
from depthscope.store.record import RunRecord
from tests.running import record_of

BUDGET = 40


@pytest.fixture
def tracer(tmp_path):
    return Tracer(tmp_path, RunRecord("metaphor", {}), BUDGET, progress=False)


@contextmanager
def passes(model, stop_after=None):
    """Counts forward passes; Control-C in the one after ``stop_after``."""
    seen = []

    def hook(*_):
        if stop_after is not None and len(seen) == stop_after:
            raise KeyboardInterrupt
        seen.append(1)

    handle = model.trunk.register_forward_pre_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()


@pytest.fixture(scope="module")
def table(stimuli):
    """Eight items, the two of several tokens among them."""
    items = [*dict.fromkeys(stimuli["item"])][-8:]
    return stimuli[stimuli["item"].isin(items)].reset_index(drop=True)


def test_a_trace_is_that_of_the_public_function_and_stands_in_the_folder(tracer, model, table, tmp_path):
    traced = tracer("one", model, table, subtoken="mean", keep="states")
    xr.testing.assert_identical(traced, read_zarr(tmp_path / "one.zarr"))
    public = ds.trace(model, table, subtoken="mean", keep="states", token_budget=BUDGET, progress=False)
    for name in public.variables:
        np.testing.assert_array_equal(traced[name].values, public[name].values, str(name))
    assert traced.attrs == public.attrs
    assert record_of(tmp_path)["digests"] == {"one": digest(traced)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.zarr", "run.json"]


def test_what_is_there_is_not_traced_again(tracer, model, table):
    with passes(model) as seen:
        first = tracer("one", model, table)
        count = len(seen)
        xr.testing.assert_identical(tracer("one", model, table), first)
        assert len(seen) == count > 1
        tracer("two", model, table)
        assert len(seen) == 2 * count
    assert set(tracer.record.digests) == {"one", "two"}


def test_another_process_finds_it_by_the_record(tracer, model, table, tmp_path):
    first = tracer("one", model, table)
    later = Tracer(tmp_path, RunRecord.read(tmp_path / "run.json"), BUDGET, progress=False)
    with passes(model) as seen:
        xr.testing.assert_identical(later("one", model, table), first)
    assert seen == []


@pytest.mark.parametrize("after", [1, 3])
def test_an_interrupted_trace_goes_on_where_it_was(tracer, model, table, tmp_path, after):
    whole = ds.trace(model, table, token_budget=BUDGET, progress=False)
    with passes(model, stop_after=after) as seen, pytest.raises(KeyboardInterrupt):
        tracer("one", model, table)
    assert len(seen) == len(list((tmp_path / "one.shards").iterdir())) == after
    assert not (tmp_path / "one.zarr").exists()
    with passes(model) as rest:
        resumed = tracer("one", model, table)
    with passes(model) as every:
        tracer("two", model, table)
    assert len(rest) == len(every) - after
    for name in whole.variables:
        np.testing.assert_array_equal(resumed[name].values, whole[name].values, str(name))
    assert tracer.record.digests["one"] == tracer.record.digests["two"]
    assert not list(tmp_path.glob("*.shards"))


def test_a_store_that_was_not_recorded_is_not_trusted(tracer, model, table, tmp_path):
    """It was killed between writing the store and writing the record."""
    first = tracer("one", model, table)
    forgetful = Tracer(tmp_path, RunRecord("metaphor", {}), BUDGET, progress=False)
    (tmp_path / "one.zarr" / "gram" / "0.0.0").write_bytes(b"half")
    xr.testing.assert_identical(forgetful("one", model, table), first)


def test_a_damaged_trace_is_refused_by_name(tracer, model, table, tmp_path, refuses):
    tracer("untrained-0", model, table)
    chunk = tmp_path / "untrained-0.zarr" / "state_norm" / "0.0"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
    with refuses("untrained-0.zarr", "damaged", "delete it and run again"):
        tracer("untrained-0", model, table)


@pytest.fixture
def variants(tracer, model, table):
    traj = tracer("trajectories", model, table)
    with passes(model) as seen:
        made = by_target_token(tracer, model, table, traj, "last")
    return traj, made, len(seen)


def test_the_choice_that_was_traced_comes_first_and_as_it_is(variants):
    traj, made, _ = variants
    assert list(made) == ["last", "first", "mean"]
    assert made["last"] is traj


@pytest.mark.parametrize("choice", ["first", "mean"])
def test_a_choice_of_token_is_a_full_trace_with_that_choice(variants, model, table, choice):
    made = variants[1][choice]
    full = ds.trace(model, table, subtoken=choice, progress=False)
    for name in ("gram", "initial_dot", "state_norm", "update_norm", "surprisal"):
        # batches differ, and with them the last bits of the model's own kernels
        np.testing.assert_allclose(made[name], full[name], rtol=1e-4, atol=1e-6, err_msg=name)
    for name in ("item", "condition", "context", "token_index", "n_subtokens", "at_start", "token_exceeds", "arousal"):
        np.testing.assert_array_equal(made[name].values, full[name].values, name)
        assert name in made.coords
    np.testing.assert_allclose(ds.cse(made), ds.cse(full), atol=1e-5)


def test_only_targets_of_several_tokens_are_traced_anew(variants, table, tmp_path):
    traj, made, seen = variants
    split = (traj["n_subtokens"] > 1).values
    assert 0 < split.sum() < len(table) / 2
    for choice in ("first", "mean"):
        stored = read_zarr(tmp_path / f"subtoken-{choice}.zarr")
        assert list(stored["text"].values) == list(table["text"][split])
        np.testing.assert_array_equal(made[choice]["gram"].values[~split], traj["gram"].values[~split])
        assert (made[choice]["gram"].values[split] != traj["gram"].values[split]).any((1, 2)).all()
    assert seen > 0


def test_choices_of_token_are_kept_in_the_folder(variants, tracer, model, table):
    traj, made, _ = variants
    with passes(model) as seen:
        again = by_target_token(tracer, model, table, traj, "last")
    assert seen == []
    for choice, one in made.items():
        xr.testing.assert_identical(again[choice], one)


def test_the_other_choices_follow_whichever_was_traced(tracer, model, table):
    traj = tracer("trajectories", model, table, subtoken="mean")
    made = by_target_token(tracer, model, table, traj, "mean")
    assert list(made) == ["mean", "last", "first"]


def test_where_no_target_is_split_the_choice_makes_no_difference(tracer, model, table, tmp_path):
    whole = table[~table["item"].isin(["kaleidoscope", "chandelier"])].reset_index(drop=True)
    traj = tracer("trajectories", model, whole)
    with passes(model) as seen:
        made = by_target_token(tracer, model, whole, traj, "last")
    assert (list(made), seen) == (["last"], [])
    assert not list(tmp_path.glob("subtoken-*"))

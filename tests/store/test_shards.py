"""A finished batch is kept exactly, or refused; never changed, never guessed."""

import numpy as np
import pytest

import depthscope as ds
from depthscope.store.shards import Shards

ARRAYS = {
    "gram": np.random.default_rng(0).normal(size=(2, 3, 3)),
    "initial_dot": np.array([[1.0, -0.0, np.inf], [np.nan, 5e-324, 2.0]]),
    "states": np.zeros((2, 4, 1), np.float32),
}


@pytest.fixture
def shards(tmp_path):
    found = Shards(tmp_path / "shards")
    found.save(0, ARRAYS)
    return found


def same(loaded) -> bool:
    return list(loaded) == list(ARRAYS) and all(
        loaded[name].dtype == values.dtype and loaded[name].tobytes() == values.tobytes()
        for name, values in ARRAYS.items()
    )


def test_what_is_saved_is_loaded_to_the_last_bit(shards):
    assert same(shards.load(0))


def test_a_batch_that_was_not_saved_is_none(shards, tmp_path):
    assert shards.load(1) is None
    assert Shards(tmp_path / "nowhere").load(0) is None


def test_shards_are_counted_and_cleared_with_their_scratch_files(shards):
    shards.save(7, ARRAYS)
    (shards.folder / ".batch-000008.npz.x1").write_bytes(b"killed while writing")
    assert shards.count() == 2
    shards.clear()
    assert not shards.folder.exists()
    assert shards.count() == 0
    shards.clear()


def test_any_damaged_byte_is_refused_or_harmless(shards):
    """Dates and the like in a zip file mean nothing; all else must not pass."""
    path = shards.folder / "batch-000000.npz"
    good = path.read_bytes()
    refused = 0
    for i in range(len(good)):
        path.write_bytes(good[:i] + bytes([good[i] ^ 0x55]) + good[i + 1 :])
        try:
            assert same(shards.load(0)), f"byte {i} was changed unseen"
        except ds.DepthscopeError:
            refused += 1
    assert refused > sum(values.nbytes for values in ARRAYS.values())


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused_with_the_way_out(shards, refuses, kept):
    path = shards.folder / "batch-000000.npz"
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with refuses("batch-000000.npz", "damaged", "delete this one file", "only its batch is recomputed"):
        shards.load(0)


def test_pickled_objects_are_never_loaded(shards, refuses):
    with (shards.folder / "batch-000001.npz").open("wb") as stream:
        np.savez(stream, gram=np.array([{}], dtype=object))
    with refuses("batch-000001.npz", "damaged"):
        shards.load(1)

"""Equal arrays, equal digests; nothing else."""

import numpy as np
import pytest

from depthscope.store.digest import digest

BASE = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(["x", "yz"], dtype=object)}


def test_the_digest_depends_on_neither_order_nor_the_kind_of_text():
    text = {"b": np.array(["x", "yz"]), "a": np.asfortranarray(BASE["a"])}
    assert digest(text) == digest(BASE)


@pytest.mark.parametrize(
    "other",
    [
        {**BASE, "a": BASE["a"].T},
        {**BASE, "a": BASE["a"].reshape(3, 2)},
        {**BASE, "a": BASE["a"].astype(np.float32)},
        {**BASE, "a": np.nextafter(BASE["a"], 9)},
        {**BASE, "b": np.array(["xy", "z"], dtype=object)},
        {**BASE, "c": np.zeros(0)},
        {"a": BASE["a"], "c": BASE["b"]},
        {"a": BASE["a"]},
    ],
)
def test_every_change_changes_the_digest(other):
    assert digest(other) != digest(BASE)

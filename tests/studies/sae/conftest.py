"""A corpus of a few made-up texts."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def books(tmp_path_factory):
    place = tmp_path_factory.mktemp("books")
    words = ["sea", "calm", "boat", "wind", "harbour", "lamp", "stone", "letter", "garden", "winter", "road", "door"]
    generator = np.random.default_rng(0)
    for i in range(6):
        (place / f"{i}.txt").write_text(" ".join(generator.choice(words, 80)))
    return place

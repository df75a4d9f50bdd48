"""A corpus of a few made-up texts; a browser for pages of features, that of the pages of runs."""

import numpy as np
import pytest

from tests.report.page.conftest import visit  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def books(tmp_path_factory):
    place = tmp_path_factory.mktemp("books")
    words = ["sea", "calm", "boat", "wind", "harbour", "lamp", "stone", "letter", "garden", "winter", "road", "door"]
    generator = np.random.default_rng(0)
    for i in range(6):
        (place / f"{i}.txt").write_text(" ".join(generator.choice(words, 80)))
    return place

"""Tokens are written short and so that everything in them is seen; numbers so that they can be told apart."""

import numpy as np
import pytest

from depthscope.drawing.reading import decimals, short, some


@pytest.mark.parametrize(
    ("piece", "shown"),
    [
        (" shark", "shark"),
        ("\n\n", "↵↵"),
        (" ", "␣"),
        ("\u200d⟨1/2⟩", "U+200D⟨1/2⟩"),
        ("x" * 40, "x" * 17 + "…"),
        ("שלום", "שלום"),
        # wherever it stands
        ("a\x1b[31m", "aU+001B[31m"),
        (" a\u202eb", "aU+202Eb"),
        ("\U0001f469\u200d\U0001f469", "\U0001f469\u200d\U0001f469"),
    ],
)
def test_names_are_short_and_nothing_in_them_is_invisible(piece, shown):
    assert short(piece) == shown


@pytest.mark.parametrize(
    ("values", "digits"),
    [
        ([0.2, 0.8], 3),
        ([0.95, 0.99], 3),
        ([0.9981, 0.9999], 4),
        ([1, 1 - 3e-5], 6),
        ([1, 1 - 1e-12], 6),
        ([1, np.nan], 3),
    ],
)
def test_digits_are_as_many_as_it_takes_to_tell_values_apart(values, digits):
    assert decimals(np.array(values, dtype=float)) == digits
    assert decimals(np.array([0.1, 0.9]), 4) == 4


def test_one_is_not_many():
    assert (some(0, "token"), some(1, "token"), some(2, "token")) == ("0 tokens", "1 token", "2 tokens")

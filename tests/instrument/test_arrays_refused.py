"""Arrays that hold nothing to measure, or no numbers, are refused in a sentence."""

from typing import Any

import numpy as np
import pytest
import torch

import depthscope as ds


@pytest.mark.parametrize("shape", [(5, 12, 0), (5, 0, 4), (12, 0), (0, 4), (0,), ()])
@pytest.mark.parametrize("kind", [np.zeros, torch.zeros])
def test_an_array_without_layers_or_features_is_refused(shape: tuple[int, ...], kind: Any, refuses: Any) -> None:
    with refuses(f"updates have shape {shape}", "(..., layer, feature)"):
        ds.cse(kind(shape))


@pytest.mark.parametrize("data", [[[1, 2], [3]], np.array([["a", "b"]]), np.array([[object()]])])
def test_what_holds_no_numbers_is_refused(data: Any, refuses: Any) -> None:
    with refuses("updates are", "(..., layer, feature)"):
        ds.cse(data)


def test_no_rows_at_all_give_no_values() -> None:
    assert ds.cse(np.zeros((0, 12, 4))).shape == (0, 12)

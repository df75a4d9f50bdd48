"""Which texts run together: planned from the lengths alone, so that a resumed run forms the same batches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

TOKEN_BUDGET = {"cpu": 1024, "cuda": 16384}
SLACK = 32
# texts of a batch on a CPU: each has logits over the whole vocabulary, and more of them at a time are no quicker
TEXTS = 32
BUSY, HELD = 4096, 0.06


def default_budget(device: torch.device) -> int:
    """Padded tokens per forward pass."""
    return TOKEN_BUDGET.get(device.type, TOKEN_BUDGET["cpu"])


def default_slack(device: torch.device) -> int | None:
    """Tokens of padding that cost more than to begin another pass; on an accelerator that costs more than any padding."""
    return SLACK if device.type == "cpu" else None


def default_texts(device: torch.device) -> int | None:
    """Texts per forward pass; on an accelerator as many as the budget holds."""
    return TEXTS if device.type == "cpu" else None


def every_budget(device: torch.device, weights: int, states: int) -> int:
    """The same where the states of every token are held until the pass ends: on a GPU as many tokens as take a small share
    of the memory of the weights, but no fewer than keep it busy. ``weights`` of all, ``states`` of a token, in bytes.
    """
    budget = default_budget(device)
    return budget if device.type == "cpu" else min(budget, max(BUSY, int(HELD * weights / states)))


def plan(
    lengths: Sequence[int],
    budget: int,
    slack: int | None = None,
    texts: Sequence[int] | None = None,
    most: int | None = None,
) -> list[list[int]]:
    """Rows of similar length, grouped so that rows x longest stays within ``budget`` tokens.

    Every row appears once. A row that exceeds the budget alone gets a batch of its own. With ``slack``, a longer row
    begins another batch if the rows that it joins would need more than that many tokens of padding for it. With ``texts``,
    how many of them each row holds, a batch has at most ``most`` of them, or one row.
    """
    batches: list[list[int]] = []
    held = 0
    for row in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        # rows come shortest first, so the newcomer is the longest
        fits = bool(batches) and (len(batches[-1]) + 1) * lengths[row] <= budget
        if fits and slack is not None:
            fits = sum(lengths[row] - lengths[shorter] for shorter in batches[-1]) <= slack
        own = 0 if texts is None else texts[row]
        if fits and (most is None or held + own <= most):
            batches[-1].append(row)
            held += own
        else:
            batches.append([row])
            held = own
    return batches


def pad(
    rows: Sequence[Sequence[int] | NDArray[Any]], filler: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids padded on the right, and their attention mask."""
    longest = max(len(row) for row in rows)
    filled = np.full((len(rows), longest), filler, dtype=np.int64)
    for i, row in enumerate(rows):
        filled[i, : len(row)] = row
    ids = torch.from_numpy(filled).to(device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    mask = torch.arange(longest, device=device)[None, :] < lengths[:, None]
    return ids, mask.long()

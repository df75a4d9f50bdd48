"""Trace and CSE of a batch against the plain forward pass, and against the usual script."""

from typing import Any

import numpy as np
import pywt
import torch

import depthscope as ds
from benchmarks.measure import Row, cpu_seconds, mebibytes, peak_bytes, wall_seconds
from depthscope.capture.record import record
from depthscope.capture.tokens import Tokenized
from depthscope.instrument.cse import entropy
from depthscope.instrument.filters import filter_bank

TEXTS, TOKENS = 16, 64


def run() -> list[Row]:
    model = ds.load("embedded", device="cpu")
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(100, 40_000, (TEXTS, TOKENS), generator=generator)
    rows = [Tokenized(row.tolist(), [TOKENS - 1], 1, False, [TOKENS - 1]) for row in ids]
    bank = filter_bank(model.depth)

    def ours() -> Any:
        return entropy(bank.energy(record(model, rows)["gram"]), bank.valid, True, 4)

    def forward() -> Any:
        with torch.inference_mode():
            return model.network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits

    def script() -> Any:
        """What people write: every hidden state of every token kept, then one transform per feature."""
        with torch.inference_mode():
            output = model.network(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
        states = torch.stack([state[:, -1] for state in output.hidden_states], 1).numpy()
        coefficients, _ = pywt.cwt(np.diff(states, axis=1), bank.scale, "mexh", axis=1)
        energy = np.moveaxis((np.abs(coefficients) ** 2).sum(-1), 0, 1)
        return entropy(energy, np.ones_like(bank.valid), True, 4)

    fast, plain = wall_seconds(ours, forward)
    little, much = peak_bytes(ours), peak_bytes(forward)
    scripted = cpu_seconds(script)
    ours_cpu = cpu_seconds(ours, repeats=3)
    scripted_bytes = peak_bytes(script)
    work = f"trace + CSE, embedded model, {TEXTS} x {TOKENS} tokens, {torch.get_num_threads()} threads"
    head = "plain forward with its head"
    usual = "output_hidden_states + PyWavelets"
    return [
        Row(
            work, f"{head}, wall time", f"{fast:.2f} s", f"{plain:.2f} s", fast / plain, "<= 0.85", fast / plain <= 0.85
        ),
        Row(
            work,
            f"{head}, peak memory",
            mebibytes(little),
            mebibytes(much),
            little / much,
            "<= 0.5",
            little / much <= 0.5,
        ),
        Row(work, f"{usual}, CPU time", f"{ours_cpu:.2f} s", f"{scripted:.2f} s", ours_cpu / scripted, "", True),
        Row(
            work,
            f"{usual}, peak memory",
            mebibytes(little),
            mebibytes(scripted_bytes),
            little / scripted_bytes,
            "",
            True,
        ),
    ]

"""Explanations made of arrays: what is shown of a recogniser needs none."""

from typing import Any

import numpy as np
import pandas as pd

from depthscope.studies.asr.maps import WindowMap
from depthscope.studies.asr.recording import recorded
from depthscope.studies.asr.results import Explanation

RATE, STEP = 16_000, 0.02
PLAIN = ("the", "quick", "brown", "fox", "jumps")
HOSTILE = (
    "</script><script>document.title='run'</script>",
    '"><img src=x onerror="document.title=\'run\'">',
    "=1+1",
    "NA",
    "{{ 7 * 7 }}**`a`**${alert(1)}",
    "שלום",
    "漢字🏳️‍🌈",
)


def tone(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """A sound that swells and fades, with a little noise."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(size=len(time))
    return (0.4 * np.sin(2 * np.pi * 220 * time) * np.sin(np.pi * time / seconds) ** 2 + 0.02 * noise).astype(
        np.float32
    )


def hill(times: np.ndarray, middle: float, width: float) -> np.ndarray:
    values = np.exp(-0.5 * ((times - middle) / width) ** 2) + 1e-6
    return (values / values.sum()).astype(np.float32)


def explained(
    texts: tuple[str, ...] = PLAIN,
    windows: int = 1,
    depth: int = 4,
    rivals: tuple[str, ...] = ("raw mean", "occlusion"),
    heard: bool = True,
    played: bool = True,
    name: str = "fox.wav",
    seconds: float = 3.0,
    **more: Any,
) -> Explanation:
    """Words of two tokens each, evenly in the windows of a sound; of every third, silence costs nothing."""
    rng = np.random.default_rng(3)
    shares = np.array_split(np.arange(len(texts)), windows)
    tokens, words, made = [], [], []
    for number, mine in enumerate(shares):
        start = number * seconds * 0.9
        times = start + (np.arange(round(seconds / STEP)) + 0.5) * STEP
        rows = []
        for place, word in enumerate(mine):
            begin = start + 0.1 + place * (seconds - 0.4) / max(len(mine), 1)
            end = begin + 0.6 * (seconds - 0.4) / max(len(mine), 1)
            middle = (begin + end) / 2
            half = max(1, len(texts[word]) // 2)
            for piece, shift in ((f" {texts[word][:half]}", -0.05), (texts[word][half:], 0.05)):
                rows.append((middle + shift, (end - begin) / 5))
                log_p = -float(rng.uniform(0.01, 2))
                tokens.append((number, len(rows), piece, word, begin, end, log_p, 0.4, 0.1, middle + shift, 0.8))
            cost = 0.01 if word % 3 == 2 else 6.25
            words.append((texts[word], begin, end, tokens[-1][6] + tokens[-2][6], 0.5, cost, cost * 1.5, 0.83, 0.4))
        one = np.stack([hill(times, *row) for row in rows]) if rows else np.zeros((0, len(times)), np.float32)
        layers = [
            np.stack([hill(times, middle, width * (depth + 1 - layer)) for middle, width in rows])
            if rows
            else np.zeros((0, len(times)))
            for layer in range(1, depth + 1)
        ]
        others = {rival: np.ascontiguousarray(one[:, ::-1]) for rival in rivals}
        made.append(WindowMap(times, one, np.stack(layers).astype(np.float16) if depth else None, others))
    columns = [
        "window",
        "position",
        "text",
        "word",
        "start",
        "end",
        "log_p",
        "entropy",
        "padding",
        "peak",
        "own_column",
    ]
    table = ["text", "start", "end", "log_p", "probability", "heard", "total", "concentration", "agreement"]
    length = float(made[-1].times[-1] + STEP / 2)
    frame = pd.DataFrame(words, columns=table)
    return Explanation(
        name=name,
        seconds=length,
        rate=RATE,
        language="en",
        model="toy",
        method="rollout",
        tokens=pd.DataFrame(tokens, columns=columns),
        words=frame if heard else frame.drop(columns=["heard", "total"]),
        windows=tuple(made),
        recording=recorded(tone(length), RATE) if played else None,
        **more,
    )

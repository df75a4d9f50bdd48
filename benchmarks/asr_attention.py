"""What listening costs beside a plain pass: ``python -m benchmarks.asr_attention``, a minute on one core.

30 s of sound and about 200 tokens of the real tiny.en. Time is that of the processor, the least of several runs; memory is the
most that torch held at a time, by its own profiler. The bounds are those that docs/studies/asr.md gives.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch.profiler import ProfilerActivity, profile

import depthscope as ds
from benchmarks.measure import processor
from depthscope.capture.speech import Utterance, transcribe
from depthscope.model.speech import hearing
from depthscope.studies.asr.attention.causal import causal_effects
from depthscope.studies.asr.attention.leafx import attention_map
from depthscope.studies.asr.calibration.calibrate import calibration_of

MODEL, CLIPS = "whisper-tiny.en", Path("../shared/data/speech/librivox")
SECONDS, TOKENS = 29.9, 200
# times a plain pass with eager attention; share of what output_attentions=True takes; times faster than L + 1 plain passes
TIME, MEMORY, FASTER = 1.25, 0.25, 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9, help="of which the quickest counts")
    runs = parser.parse_args().runs
    heard = long_utterance()
    model = heard.model
    network: Any = model.network

    def plain() -> Any:
        with hearing(network), model.eager():
            return heard.decode()

    def outputs() -> Any:
        with hearing(network), model.eager():
            return network(
                encoder_outputs=(heard.states,), decoder_input_ids=heard.ids, use_cache=False, output_attentions=True
            )

    calibrated = calibration_of(model)
    assert calibrated is not None
    ways: dict[str, dict[str, Any]] = {
        "raw": {}, "entropy": {"tau": 0.5}, "rollout": {"rollout": True}, "calibrated": {"heads": calibrated.heads},
    }  # fmt: skip
    print(f"{processor()}; {heard.seconds:.1f} s, {len(heard.positions)} tokens\n")
    print("| what | ratio | bound | kept |\n|---|---|---|---|")
    once, least, most = seconds(plain, runs), memory(plain), memory(outputs)
    for name, choices in ways.items():
        listen = lambda choices=choices: attention_map(heard, **choices)  # noqa: E731
        tell(f"time of {name}, times a plain pass", seconds(listen, runs) / once, TIME)
        tell(f"memory of {name}, of output_attentions", (memory(listen) - least) / (most - least), MEMORY)
    for one in (heard, short_utterance(model)):
        faster = seconds(plain_passes(one), 2) / seconds(lambda one=one: causal_effects(one), 2)
        what = f"causal weights of {len(one.positions)} tokens, times faster than {model.depth + 1} plain passes"
        tell(what, faster, FASTER, above=True)


def plain_passes(heard: Utterance) -> Callable[[], None]:
    """As many passes of the whole network as there are layers, and one."""

    def passes() -> None:
        with hearing(heard.model.network):
            for _ in range(heard.model.depth + 1):
                heard.log_p(heard.decode(heard.encode(next(iter(heard.features.values())))))

    return passes


def short_utterance(model: Any) -> Utterance:
    """The first clip, with the text that the model writes of it."""
    (heard,) = transcribe(model, soundfile.read(min(CLIPS.glob("*.flac")), dtype="float32")[0])
    return heard


def long_utterance() -> Utterance:
    """The clips one behind the other, with as many tokens of text as are asked for."""
    clips = [soundfile.read(clip, dtype="float32")[0] for clip in sorted(CLIPS.glob("*.flac"))] * 2
    samples = np.concatenate(clips)[: round(SECONDS * 16_000)]
    model = ds.load(MODEL)
    (own,) = transcribe(model, samples)
    text = f"{own.text} " * (1 + TOKENS // len(own.positions))
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"][:TOKENS]
    (heard,) = transcribe(model, samples, text=model.tokenizer.decode(ids))
    return heard


def seconds(work: Callable[[], Any], runs: int) -> float:
    work()
    found = []
    for _ in range(runs):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return min(found)


def memory(work: Callable[[], Any]) -> int:
    """The most bytes that were held at a time, beyond what was held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    events = [one for one in seen.profiler.kineto_results.events() if one.name() == "[memory]"]
    held = np.cumsum([one.nbytes() for one in sorted(events, key=lambda one: one.start_ns())])
    return int(held.max(initial=0))


def tell(what: str, ratio: float, bound: float, above: bool = False) -> None:
    kept = ratio >= bound if above else ratio <= bound
    print(
        f"| {what} | {ratio:.2f} | {'at least' if above else 'at most'} {bound:g} | {'yes' if kept else 'NO'} |",
        flush=True,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

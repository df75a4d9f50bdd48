"""Explaining a recogniser beside captum: ``python -m benchmarks.asr``, minutes on two cores.

Both sides explain every token of one clip with the real tiny.en, at equal budget: the same windows, the same steps, the same
baseline. captum explains one token at a time, as it is made to; what both find is compared before a row is printed. To spare
the machine captum is timed on a few tokens, and multiplied; ``--whole`` times them all. Time is that of the processor, over all
threads.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch
from captum.attr import IntegratedGradients, Occlusion

import depthscope as ds
from benchmarks.measure import HEADER, Row, processor
from depthscope.capture.speech import Utterance, transcribe
from depthscope.model.speech import hearing
from depthscope.studies.asr.rivals.gradients import integrated_gradients
from depthscope.studies.asr.rivals.occlusion import occlusion
from depthscope.studies.asr.silencing.removing import filling, frame_of, main_of, pooled, remove

MODEL, CLIP = "whisper-tiny.en", Path("../shared/data/speech/librivox/sense_and_sensibility_01_austen_64kb-0870.flac")
# frames of 20 ms: windows of 200 ms, each 100 ms behind the one before
WIDTH, HOP = 10, 5
# how closely the same numbers must agree, beside the largest of them
SAME = 1e-3
Found = np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path, default=CLIP, help=f"default: {CLIP}")
    parser.add_argument("--seconds", type=float, help="only the beginning of the clip")
    parser.add_argument("--steps", type=int, default=32, help="of integrated gradients")
    parser.add_argument("--whole", action="store_true", help="time captum on all tokens, and not on two")
    asked = parser.parse_args()
    samples, rate = soundfile.read(asked.clip, dtype="float32")
    samples = samples[: round(asked.seconds * rate)] if asked.seconds else samples
    (spoken,) = transcribe(ds.load(MODEL), samples)
    tokens = len(spoken.positions)
    print(f"{processor()}; {spoken.seconds:.1f} s, {tokens} tokens: {spoken.text}\n\n{HEADER}")
    timed = list(range(tokens)) if asked.whole else [1, tokens // 2]
    # first passes are slower: none of them is timed
    with hearing(spoken.model.network):
        log_p(spoken)(main_of(spoken))
    for work, ours, theirs in (
        ("occlusion", lambda: occlusion(spoken, width=WIDTH * 0.02, hop=HOP * 0.02).signed, occluded),
        (
            "integrated gradients",
            lambda: integrated_gradients(spoken, steps=asked.steps).signed,
            integrated(asked.steps),
        ),
    ):
        print(compared(spoken, work, ours, theirs, timed).markdown(), flush=True)


def compared(
    spoken: Utterance,
    work: str,
    ours: Callable[[], Found],
    theirs: Callable[[Utterance, int], Found],
    timed: list[int],
) -> Row:
    """Ours for all tokens in one go, theirs for some of them, one by one."""
    begin = time.process_time()
    found = ours()
    middle = time.process_time()
    other = np.stack([theirs(spoken, token) for token in timed])
    tokens = len(spoken.positions)
    taken = middle - begin, (time.process_time() - middle) * tokens / len(timed)
    apart = np.abs(found[timed] - other).max() / np.abs(other).max()
    if apart > SAME:
        raise SystemExit(f"{work}: the two differ by {apart:.2g} of the largest number")
    told = [f"{seconds:.1f} s" for seconds in taken]
    return Row(f"{work}, {tokens} tokens", "captum", *told, taken[1] / taken[0], "", True)


def log_p(spoken: Utterance) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda main: spoken.log_p(spoken.decode(spoken.encode(main)))


def occluded(spoken: Utterance, token: int) -> Found:
    """Of the frames within the sound: padding is not occluded."""
    main, inside = main_of(spoken), int((frame_of(spoken) < spoken.frames).sum())
    rest = main[..., inside:]

    def heard(part: torch.Tensor) -> torch.Tensor:
        return log_p(spoken)(torch.cat([part, rest.expand(len(part), -1, -1)], -1))

    with hearing(spoken.model.network):
        given = main[..., :inside].contiguous()
        bands = given.shape[1]
        found = Occlusion(heard).attribute(
            given,
            (bands, 2 * WIDTH),
            strides=(bands, 2 * HOP),
            baselines=filling(spoken).expand_as(given),
            target=token,
            perturbations_per_eval=8,
        )
    return found[0, 0, ::2].numpy()


def integrated(steps: int) -> Callable[[Utterance, int], Found]:
    def explained(spoken: Utterance, token: int) -> Found:
        baseline = remove(spoken, np.ones((1, spoken.frames), bool))
        with hearing(spoken.model.network, gradients=True):
            found = IntegratedGradients(log_p(spoken)).attribute(
                main_of(spoken).clone(), baseline, target=token, n_steps=steps, internal_batch_size=4
            )
        return pooled(spoken, found.detach())[0].numpy()

    return explained


if __name__ == "__main__":
    main()

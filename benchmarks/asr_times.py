"""How far word times by attention are from the true ones: in voices that no calibration has heard, and in speech of yours.

``python -m benchmarks.asr_times MODEL [--audio FOLDER --words FILE]``
"""

import argparse

import numpy as np

import depthscope as ds
from depthscope.capture.speech import transcribe
from depthscope.studies.asr.calibration.calibrate import calibration_of
from depthscope.studies.asr.calibration.study import aligned_sounds
from depthscope.studies.asr.methods import method_of
from depthscope.studies.asr.timing import word_spans
from depthscope.studies.asr.truth.matching import same_words
from depthscope.studies.asr.truth.times import HELD_OUT, HELD_OUT_VOICES, Spoken, synthesise

SENTENCES = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--audio")
    parser.add_argument("--words")
    options = parser.parse_args()
    model = ds.load(options.model)
    synthesised = [
        synthesise(text, voice=HELD_OUT_VOICES[k % len(HELD_OUT_VOICES)]) for k, text in enumerate(HELD_OUT[:SENTENCES])
    ]
    tell("synthesised", model, synthesised)
    if options.audio is not None:
        tell(options.audio, model, aligned_sounds([options.audio], options.words, model.rate))


def tell(name: str, model: "ds.Model", spoken: list[Spoken]) -> None:
    """One line: of words that were written as they were spoken."""
    method, lag = method_of("calibrated", model), calibration_of(model).lag
    off = []
    for one in spoken:
        (heard,) = transcribe(model, one.sound.samples)
        found = word_spans(heard, method(heard).map, lag)
        true = one.words[["start", "end"]].to_numpy(float)
        pairs = same_words([str(word) for word in one.words["word"]], [word.text for word in heard.words])
        off += [found[j] - true[i] for i, j in pairs]
    errors = 1e3 * np.array(off)
    for edge, values in zip(("begin", "end"), errors.T, strict=True):
        within = ", ".join(f"{(np.abs(values) < limit).mean():.0%} within {limit} ms" for limit in (50, 100, 200))
        print(
            f"{name}, {len(values)} words: they {edge} {np.median(np.abs(values)):.0f} ms off in the median, {within}"
        )


if __name__ == "__main__":
    main()

"""``python -m benchmarks.asr_truth``: pocketsphinx's word times against those of the synthesiser, which are exact."""

import numpy as np

from benchmarks.measure import wall_seconds
from depthscope.errors import DepthscopeError
from depthscope.studies.asr.truth.times import HELD_OUT, SENTENCES, align, synthesise

VOICES = ("en-us", "en-us+f3", "en-us+m3", "en-gb", "en-gb-x-rp+f4", "en-gb-scotland")


def main() -> None:
    # its dictionary has no figures
    sentences = [text for text in (*SENTENCES, *HELD_OUT) if not any(sign.isdigit() for sign in text)]
    print(
        f"{len(sentences)} sentences, each voice all of them\n\n"
        "| voice | aligned | words | median onset error, ms | within 50 ms | median error of ends, ms | worst clip, ms |\n"
        "|---|---|---|---|---|---|---|"
    )
    for voice in VOICES:
        starts, ends, clips, failed = [], [], [], []
        for text in sentences:
            spoken = synthesise(text, voice=voice)
            try:
                found = align(spoken.sound, text)
            except DepthscopeError as problem:
                failed.append(str(problem))
                continue
            away = (found.start - spoken.words.start).abs()
            starts.extend(away)
            ends.extend((found.end - spoken.words.end).abs())
            clips.append(away.median())
        print(
            f"| {voice} | {len(clips)} of {len(sentences)} | {len(starts)} | {1000 * np.median(starts):.0f} | "
            f"{np.mean(np.array(starts) <= 0.05):.0%} | {1000 * np.median(ends):.0f} | {1000 * max(clips):.0f} |"
        )
        for sentence in failed[:3]:
            print(f"<!-- {sentence} -->")
    text = sentences[0]
    spoken = synthesise(text)
    said, aligned = wall_seconds(lambda: synthesise(text), lambda: align(spoken.sound, text), repeats=5)
    print(f"\n{spoken.sound.seconds:.1f} s of speech: synthesised in {said:.3f} s, aligned in {aligned:.2f} s")


if __name__ == "__main__":
    main()

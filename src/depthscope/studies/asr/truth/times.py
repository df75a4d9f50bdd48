"""When each word is spoken, known from elsewhere than attention: from a synthesiser, or from a recogniser of another kind.

Word times of your own are read by :func:`~depthscope.studies.asr.truth.aligned.read_words`.
"""

from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
import regex
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, check_count, listed, require
from depthscope.stimuli.sound import RATE, Sound, read_sound
from depthscope.studies.asr.truth import espeak
from depthscope.studies.asr.truth.aligned import read_words
from depthscope.studies.asr.truth.sentences import HELD_OUT, HELD_OUT_VOICES, SENTENCES, VOICES

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "HELD_OUT",
    "HELD_OUT_VOICES",
    "SENTENCES",
    "VOICES",
    "Spoken",
    "align",
    "read_words",
    "synthesise",
]

# what a voice says for these, where they stand alone: "5 %", "salt & pepper"
_SPOKEN = regex.compile(r"[\p{L}\p{N}\p{S}%&@#§°]")
_FRAMES = 100  # of pocketsphinx, per second
# it loses the last word without near-silence around the speech; tried in this order, seconds before and after
_MARGINS = ((0.2, 0.4), (0.3, 0.7), (0.5, 1.2))
_FLOOR = 1e-4  # of the noise in these margins: digital silence upsets its normalisation


@dataclass(frozen=True, eq=False)
class Spoken:
    """A sound, and when each written word in it is spoken.

    Attributes
    ----------
    sound : Sound
    words : DataFrame
        ``word`` as it is written, with its punctuation; ``start``, ``end`` in seconds.
    """

    sound: Sound
    words: "pd.DataFrame"


def synthesise(
    text: str,
    *,
    voice: str = "en-us",
    words_per_minute: int = 160,
    pitch: int = 50,
    before: float = 0.2,
    after: float = 0.4,
    to: int = RATE,
) -> Spoken:
    """Speech with exact word times, by espeak-ng's own events; the same call gives the same samples.

    A word begins with its event, and ends where the next one begins, or where its last sound gives way to a pause. What the
    synthesiser speaks in one breath as if it were one word ("of the") is divided where the second's phonemes begin; what is
    spoken as several words ("23") is one. Marks that are not spoken have no row.

    Parameters
    ----------
    text : str
    voice : str
        Code of a language, with a variant if wanted: ``"en-us"``, ``"en-gb"``, ``"en-us+f3"``, ``"de"``.
    words_per_minute : int
        80 to 450.
    pitch : int
        0 to 99.
    before, after : float
        Seconds of silence around the speech.
    to : int
        Rate of the sound (Hz); it is synthesised at 22,050 Hz.

    Raises
    ------
    DepthscopeError
        espeak-ng is not installed (extra ``asr-truth``); no such voice; nothing to say.
    """
    for name, value, low, high in (("words_per_minute", words_per_minute, 80, 450), ("pitch", pitch, 0, 99)):
        check_count(name, value, low)
        if value > high:
            raise DepthscopeError(f"{name}={value}: give {low} to {high}")
    if not (0 <= before < 60 and 0 <= after < 60):
        raise DepthscopeError(f"before={before}, after={after}: give 0 to 60 seconds")
    tokens = regex.sub(r"[\s\p{C}]+", " ", text).split()
    written = [token for token in tokens if _SPOKEN.search(token)]
    if not written:
        raise DepthscopeError(f"{text[:60]!r}: there is no word to speak: give a sentence")
    # words alone, apart by one space each: a place in the text is a place in a word
    speech = espeak.say(" ".join(tokens), voice, words_per_minute, pitch)
    starts, ends = _intervals(speech, tokens, espeak.phoneme_counts(tokens, voice))
    lead, tail = round(before * speech.rate), round(after * speech.rate)
    sound = read_sound(
        np.pad(speech.samples, (lead, tail)),
        rate=speech.rate,
        to=to,
        name=shorten(" ".join(tokens), 60, placeholder=" ..."),
    )
    return Spoken(
        Sound(sound.samples, sound.rate, sound.name, (f"synthesised by espeak-ng, voice {voice}",)),
        _table([(tokens[i], (starts[i] + lead) / speech.rate, (ends[i] + lead) / speech.rate) for i in sorted(starts)]),
    )


def align(sound: Sound, text: str, *, pronunciations: dict[str, str] | None = None) -> "pd.DataFrame":
    """When each word of a known English text is spoken, by pocketsphinx: Gaussian mixtures and no attention.

    Against the exact times of six synthesised voices (246 clips of 41 sentences, 2,379 words) it finds an alignment of 231
    clips, where the median error is 10 ms for onsets (94 % within 50 ms) and 10 ms for ends, and no clip's median onset is off
    by more than 56 ms; of American voices it fails at 1 clip in 123, of British ones at 14. So a failure is told, and what is
    found can be relied on (``benchmarks/asr_truth.py``).

    Parameters
    ----------
    sound : Sound
        English speech of one sentence or a few.
    text : str
        What is said in it, word by word.
    pronunciations : dict, optional
        Words that its dictionary lacks, in the phonemes of CMUdict: ``{"Depthscope": "D EH P TH S K OW P"}``.

    Returns
    -------
    DataFrame
        ``word`` as it is written, ``start``, ``end`` in seconds, in steps of 10 ms.

    Raises
    ------
    DepthscopeError
        pocketsphinx is not installed (extra ``asr-truth``); words that its dictionary lacks, all of them named; text and
        sound do not fit, so that no alignment is found.
    """
    sphinx = require("pocketsphinx", "asr-truth")
    extra = {word.lower(): phonemes for word, phonemes in (pronunciations or {}).items()}
    decoder = sphinx.Decoder(lm=None, loglevel="FATAL")
    for word, phonemes in extra.items():
        try:
            if decoder.lookup_word(word) is None:
                decoder.add_word(word, phonemes, True)
        except RuntimeError:
            raise DepthscopeError(f"{word!r}: {phonemes!r} are no phonemes of CMUdict, such as D EH P TH") from None
    tokens = [(token, parts) for token in text.split() if (parts := _parts(token, decoder))]
    if not tokens:
        raise DepthscopeError(f"{text[:60]!r}: there is no word in the text: give what is said")
    unknown = [part for _, parts in tokens for part in parts if decoder.lookup_word(part) is None]
    if unknown:
        raise DepthscopeError(
            f"{sound.name}: pocketsphinx does not know {listed(dict.fromkeys(unknown))}: write numbers and abbreviations in "
            "words, or give pronunciations="
        )
    wanted = [part for _, parts in tokens for part in parts]
    samples = read_sound(sound, to=16_000).samples
    for before, after in _MARGINS:
        found = _aligned(decoder, samples, wanted, before, after)
        if len(found) == len(wanted):
            break
    else:
        raise DepthscopeError(
            f"{sound.name}: pocketsphinx finds no alignment of its {len(wanted)} words: see that the sound holds this text, in "
            "English, or give word times of your own (read_words)"
        )
    rows, place = [], 0
    for token, parts in tokens:
        rows.append((token, found[place][0], min(found[place + len(parts) - 1][1], sound.seconds)))
        place += len(parts)
    return _table(rows)


def _intervals(speech: espeak.Speech, tokens: list[str], counts: list[int]) -> tuple[dict[int, int], dict[int, int]]:
    """First and last sample of each spoken token."""
    begins = np.cumsum([0, *(len(token) + 1 for token in tokens)])
    spoken = [i for i, count in enumerate(counts) if count and _SPOKEN.search(tokens[i])]
    starts: dict[int, int] = {}
    for character, sample in speech.words:
        inside = int(np.searchsorted(begins, character, side="right")) - 1
        # an event of what is not spoken, a dash, belongs to the word behind it
        token = next((i for i in spoken if i >= inside), None)
        if token is not None:
            starts.setdefault(token, sample)
    first = min(starts, default=0)
    _divide(speech, [i for i in spoken if i >= first], counts, starts)
    ordered = sorted(starts)
    limits = [starts[i] for i in ordered[1:]] + [len(speech.samples)]
    return starts, {i: _end(speech, starts[i], limit) for i, limit in zip(ordered, limits, strict=True)}


def _end(speech: espeak.Speech, start: int, limit: int) -> int:
    """Where the last sound of a word gives way to a pause, or else the limit."""
    silent = None
    for name, sample in speech.phonemes:
        if start <= sample < limit:
            silent = (sample if silent is None else silent) if name.startswith("_") else None
    return limit if silent is None else silent


def _divide(speech: espeak.Speech, spoken: list[int], counts: list[int], starts: dict[int, int]) -> None:
    """Give words that have no event of their own their share of the one before them, phoneme by phoneme."""
    places = np.asarray([sample for name, sample in speech.phonemes if not name.startswith("_")], int)
    group: list[int] = []
    for token, after in zip(spoken, [*spoken[1:], None], strict=True):
        group.append(token)
        if after is not None and after not in starts:
            continue
        if len(group) > 1:
            until = len(speech.samples) if after is None else starts[after]
            inside = places[(places >= starts[group[0]]) & (places < until)]
            shares = np.cumsum([counts[i] for i in group]) / sum(counts[i] for i in group)
            for i, share in zip(group[1:], shares[:-1], strict=True):
                at = min(round(share * len(inside)), len(inside) - 1)
                if at > 0:
                    starts[i] = int(inside[at])
        group = []


def _parts(token: str, decoder: Any) -> list[str]:
    """The words of pocketsphinx that a written word is made of: itself if it is known, else what hyphens divide."""
    bare = token.lower().replace("’", "'").strip("\"'“”‘’.,;:!?()[]{}…-–—")
    if not bare or not regex.search(r"[\p{L}\p{N}]", bare):
        return []
    if decoder.lookup_word(bare) is not None:
        return [bare]
    return [part for part in regex.split(r"[-–—/]", bare) if part]


def _aligned(
    decoder: Any, samples: NDArray[np.float32], words: list[str], before: float, after: float
) -> list[tuple[float, float]]:
    """Start and end of each word; fewer where none was found to the end."""
    lead, tail = round(before * 16_000), round(after * 16_000)
    padded = np.pad(samples, (lead, tail)) + np.random.default_rng(0).normal(0, _FLOOR, len(samples) + lead + tail)
    data = (np.clip(padded, -1, 1) * 32_767).astype(np.int16).tobytes()
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw(data, no_search=False, full_utt=True)
    decoder.end_utt()
    # silences and noises stand in brackets; another pronunciation of a word is numbered: the(2)
    segments = [one for one in decoder.seg() or () if one.word[0] not in "<[("]
    said = [regex.sub(r"\(\d+\)$", "", one.word) for one in segments]
    if said != words:
        return []
    return [
        (max(0.0, one.start_frame / _FRAMES - before), max(0.0, (one.end_frame + 1) / _FRAMES - before))
        for one in segments
    ]


def _table(rows: list[tuple[str, float, float]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, columns=["word", "start", "end"])

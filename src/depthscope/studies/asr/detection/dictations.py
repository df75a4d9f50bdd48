"""Sounds with their texts: a user's own, recordings that come with the library, sentences spoken by a synthesiser."""

from pathlib import Path

from depthscope.errors import DepthscopeError
from depthscope.model.pretrained.recordings import demo_recordings
from depthscope.stimuli.sound import read_sound, sound_files
from depthscope.studies.asr.detection.words import REAL, SYNTHETIC, Dictation, check_dictations
from depthscope.studies.asr.truth.sentences import HELD_OUT, HELD_OUT_VOICES
from depthscope.studies.asr.truth.times import synthesise

# what is said in recordings of whose words there is no doubt: the last sentences of Beckett's Worstward Ho, as they are known
TEXTS = {"beckett.wav": "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."}


def read_dictations(
    audio: str | Path, text: str | Path, *, speech: str = REAL, language: str | None = None
) -> list[Dictation]:
    """Sounds of a file or a folder, and their texts out of a file with a line for each: name, tabulator, what is said.

    Parameters
    ----------
    text : path
        The name is that of the sound, with or without the end of the file's name. Sounds without a line are left out.
    speech : str
        ``"real speech"`` or ``"synthesised speech"``.
    language : str, optional
        Of all of them, for models that take one.

    Raises
    ------
    DepthscopeError
        A file that cannot be read, a line without a tabulator, no sound with a text.
    """
    try:
        lines = Path(text).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise DepthscopeError(
            f"{text}: cannot be read as text ({problem}): give a UTF-8 file, a line for each sound: NAME<tab>what is said"
        ) from None
    texts: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, tab, said = line.partition("\t")
        if not tab:
            raise DepthscopeError(
                f"{text}, line {number}: no tabulator; write the sound's name, a tabulator, what is said"
            )
        texts[name.strip()] = said.strip()
    paths = sound_files(audio)
    found = [
        Dictation(read_sound(path), texts[name], speech, language)
        for path in paths
        if (name := path.name if path.name in texts else path.stem) in texts
    ]
    if not found:
        raise DepthscopeError(
            f"{text}: names none of the {len(paths)} sounds of {audio} (such as {paths[0].stem}): begin each line with the "
            "name of a sound"
        )
    check_dictations(found)
    return found


def demo_dictations(synthetic: int = len(HELD_OUT), *, progress: bool = True) -> list[Dictation]:
    """The recordings whose words are known, and the first sentences that no calibration has heard, in voices that none has.

    Raises
    ------
    DepthscopeError
        The recordings cannot be fetched, or the synthesiser is not installed.
    """
    real = [
        Dictation(read_sound(path), TEXTS[path.name], language="en")
        for path in demo_recordings(progress)
        if path.name in TEXTS
    ]
    spoken = []
    for k, sentence in enumerate(HELD_OUT[:synthetic]):
        voice = HELD_OUT_VOICES[k % len(HELD_OUT_VOICES)]
        spoken.append(Dictation(synthesise(sentence, voice=voice).sound, sentence, SYNTHETIC, "en"))
    return [*real, *spoken]

"""The speech synthesiser espeak-ng, with its own account of when each word and each sound begins.

The library (GPL-3) comes with the package espeakng-loader, and is called through its published C interface.
"""

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, require

# of the interface (speak_lib.h)
_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1
_WORD, _PHONEME = 1, 7
_CHARACTERS, _UTF8 = 1, 1
_SPEED, _PITCH = 1, 3
# of its two ways to write a word in phonemes: each followed by this mark
_APART = ord("_") << 8


class _Name(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("phoneme", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("character", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("what", _Name),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        *((name, ctypes.c_ubyte) for name in ("gender", "age", "variant", "unused")),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Heard = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass
class Speech:
    """What the synthesiser gave for one text.

    Attributes
    ----------
    rate : int
        Hz.
    samples : array, shape (time,)
        int16.
    words : list of (int, int)
        Character of the text, counted from 0, and sample where a word begins. Not every written word has one: words that
        are spoken as one, such as "of the", have one together, and a number that is spoken as several words has several.
    phonemes : list of (str, int)
        Name and sample where it begins; the names of pauses begin with ``_``.
    """

    rate: int
    samples: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    words: list[tuple[int, int]] = field(default_factory=list)
    phonemes: list[tuple[str, int]] = field(default_factory=list)


# the library has one state for the whole process
_LOCK = threading.Lock()


def say(text: str, voice: str, words_per_minute: int, pitch: int) -> Speech:
    """Synthesise a text; the same call gives the same samples, whatever was said before.

    Raises
    ------
    DepthscopeError
        The library is not installed or does not start; no such voice.
    """
    with _library() as (library, rate):
        _choose(library, voice)
        library.espeak_SetParameter(_SPEED, words_per_minute, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        speech = Speech(rate)
        parts: list[NDArray[np.int16]] = []

        def heard(samples: Any, count: int, events: Any) -> int:
            if samples and count > 0:
                parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
            i = 0
            while events[i].kind:  # the list ends with 0
                event = events[i]
                if event.kind == _WORD:
                    speech.words.append((event.character - 1, event.sample))
                elif event.kind == _PHONEME:
                    speech.phonemes.append((event.what.phoneme.decode("utf-8", "replace"), event.sample))
                i += 1
            return 0

        callback = _Heard(heard)  # held by name: it must outlive the call
        library.espeak_SetSynthCallback(callback)
        data = text.encode() + b"\0"
        failed = library.espeak_Synth(data, len(data), 0, _CHARACTERS, 0, _UTF8, None, None)
    if failed or not parts:
        raise DepthscopeError(f"{text[:60]!r}: espeak-ng speaks none of it: give words of the language of the voice")
    speech.samples = np.concatenate(parts)
    return speech


def phoneme_counts(words: list[str], voice: str) -> list[int]:
    """How many phonemes each word has when it is spoken alone; 0 for marks that are not spoken."""
    with _library() as (library, _):
        _choose(library, voice)
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        counts = []
        for word in words:
            place = ctypes.c_char_p(word.encode())
            written = library.espeak_TextToPhonemes(ctypes.byref(place), _UTF8, _APART) or b""
            apart = written.decode("utf-8", "replace").replace(" ", "_").split("_")
            counts.append(sum(any(sign not in ":!" for sign in one) for one in apart))
        return counts


def voices() -> dict[str, str]:
    """Voices by the code of their language (``en-us``), with the name under which the library finds each."""
    with _library() as (library, _):
        return _listed(library)


@contextmanager
def _library() -> Iterator[tuple[Any, int]]:
    """The library, loaded afresh: what it has said before shows in its pitch, and would show in every later sample."""
    loader = require("espeakng_loader", "asr-truth")
    with _LOCK:
        try:
            library = ctypes.CDLL(str(loader.get_library_path()))
        except OSError as problem:
            raise DepthscopeError(f"espeak-ng cannot be loaded ({problem}): reinstall espeakng-loader") from None
        try:
            data = str(loader.get_data_path()).encode()
            rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, _PHONEME_EVENTS | 0x8000)  # never ends the process
            if rate <= 0:
                raise DepthscopeError("espeak-ng does not start: reinstall espeakng-loader, which brings its voices")
            yield library, rate
        finally:
            library.espeak_Terminate()
            _unload(library)


def _unload(library: Any) -> None:
    import _ctypes

    getattr(_ctypes, "FreeLibrary" if sys.platform == "win32" else "dlclose")(library._handle)


def _choose(library: Any, voice: str) -> None:
    """``en-us``, or with one of the variants that change a voice: ``en-us+f3``."""
    known = _listed(library)
    language, _, variant = voice.partition("+")
    if language.lower() not in known:
        near = [name for name in known if name.split("-")[0] == language.lower().split("-")[0]] or [*known][:8]
        raise DepthscopeError(f"voice={voice!r}: espeak-ng has no such voice: try {', '.join(near)}")
    if variant and variant not in _variants(library):
        raise DepthscopeError(f"voice={voice!r}: espeak-ng has no variant {variant!r}: try +m1 to +m8 or +f1 to +f5")
    if library.espeak_SetVoiceByName((known[language.lower()] + ("+" + variant if variant else "")).encode()):
        raise DepthscopeError(f"voice={voice!r}: espeak-ng does not take this voice: try en-us")


def _listed(library: Any) -> dict[str, str]:
    # a byte for the priority stands before the code of a language
    return dict(sorted((languages[1:].lower(), identifier) for languages, identifier in _rows(library, None)))


def _variants(library: Any) -> list[str]:
    """Of the voices of the language ``variant``, each of which is a file below ``!v``."""
    wanted = ctypes.byref(_Voice(languages=b"variant"))
    return [identifier.removeprefix("!v/") for _, identifier in _rows(library, wanted)]


def _rows(library: Any, wanted: Any) -> list[tuple[str, str]]:
    """Languages and identifier of each voice, up to the null pointer at the end."""
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    rows = library.espeak_ListVoices(wanted)
    found: list[tuple[str, str]] = []
    while rows[len(found)]:
        voice = rows[len(found)].contents
        found.append((voice.languages.decode("utf-8", "replace"), voice.identifier.decode("utf-8", "replace")))
    return found

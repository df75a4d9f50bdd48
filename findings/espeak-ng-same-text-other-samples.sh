#!/usr/bin/env bash
# espeakng-loader 0.2.4 (espeak-ng 1.52); Python 3.11.
#
# espeak-ng is a synthesiser by rule, without a model and without sampling, so the same text in the same voice should be
# the same samples. It is so in a new process. Within one process the second utterance differs from the first, and a text
# differs by what was spoken before it: the flutter of the pitch goes on from where it stood. Setting the seed
# (`espeak_ng_SetRandSeed`) or initialising again does not set it back; loading the library anew does.
#
# Seen:
#   the same text twice in a process: 38,437 samples and 38,459, the same: False
#   after a new initialisation and the same seed: the same: False
#   the first of two processes: the same: True
#
# Exits with 0 while this is so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check "espeakng-loader==0.2.4"
cat > "$place/speak.py" <<'PYTHON'
import ctypes
import hashlib
import sys

import espeakng_loader

library = ctypes.CDLL(espeakng_loader.get_library_path())
heard = bytearray()


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
def receive(samples, count, events):
    if samples and count > 0:
        heard.extend(ctypes.string_at(samples, 2 * count))
    return 0


def begin():
    # 2: samples are handed over, and no sound is played
    assert library.espeak_Initialize(2, 0, espeakng_loader.get_data_path().encode(), 0) > 0
    library.espeak_SetSynthCallback(receive)
    assert library.espeak_SetVoiceByName(b"en-us") == 0


def say(text):
    heard.clear()
    words = text.encode() + b"\0"
    assert library.espeak_Synth(words, len(words), 0, 1, 0, 1, None, None) == 0
    library.espeak_Synchronize()
    return bytes(heard)


TEXT = "The same words in the same voice."
begin()
library.espeak_ng_SetRandSeed(1)
first = say(TEXT)
if len(sys.argv) > 1:
    print(hashlib.sha256(first).hexdigest())
    sys.exit()
second = say(TEXT)
print(f"the same text twice in a process: {len(first) // 2:,} samples and {len(second) // 2:,}, the same: {first == second}")
begin()
library.espeak_ng_SetRandSeed(1)
third = say(TEXT)
print(f"after a new initialisation and the same seed: the same: {first == third}")
import subprocess

other = subprocess.run([sys.executable, __file__, "again"], capture_output=True, text=True, check=True).stdout.strip()
same = other == hashlib.sha256(first).hexdigest()
print(f"the first of two processes: the same: {same}")
sys.exit(not (first != second and first != third and same))
PYTHON
"$place/venv/bin/python" "$place/speak.py"

"""SentencePiece models as fast tokenizers; the files of llama2.c hold their pieces with their scores."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, require

UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
FIRST_NAMES = (UNKNOWN, BEGIN, END, *(f"<0x{byte:02X}>" for byte in range(256)))
FIRST_PIECE = len(FIRST_NAMES)


def read_tokenizer(path: Path) -> Any:
    """The tokenizer of a file of llama2.c, as :func:`byte_pair_tokenizer` makes it.

    Raises
    ------
    DepthscopeError
        The file is cut off, or is something else.
    """
    return byte_pair_tokenizer(*_read(path))


def byte_pair_tokenizer(pieces: list[str], scores: Sequence[float], control: tuple[str, ...] = ()) -> Any:
    """The same segmentation as a fast tokenizer: byte-pair encoding with bytes for what the vocabulary lacks.

    A merge of SentencePiece has no rank of its own; pairs are merged in the order of the scores of what they make.
    Text begins with ``<s>``, as the models were trained.

    Parameters
    ----------
    pieces : list of str
        In the order of their numbers: three control tokens, 256 bytes, then those that text is made of.
    scores : sequence of float
        One for each of ``pieces``; the higher, the sooner it is merged.
    control : tuple of str
        Names of control tokens whose numbers come after ``pieces``.
    """
    tokenizers = require("tokenizers", "models")
    transformers = require("transformers", "models")
    ids = {piece: number for number, piece in enumerate([*pieces, *control])}
    core = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            vocab=ids, merges=_merges(pieces, scores, ids), unk_token=UNKNOWN, fuse_unk=True, byte_fallback=True
        )
    )
    steps = tokenizers.normalizers
    core.normalizer = steps.Sequence([steps.Prepend("▁"), steps.Replace(" ", "▁")])
    back = tokenizers.decoders
    core.decoder = back.Sequence([back.Replace("▁", " "), back.ByteFallback(), back.Fuse(), back.Strip(" ", 1, 0)])
    core.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN}:1 $B:1", special_tokens=[(BEGIN, ids[BEGIN])]
    )
    core.add_special_tokens([tokenizers.AddedToken(name, special=True, normalized=False) for name in control])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token=UNKNOWN, bos_token=BEGIN, eos_token=END, clean_up_tokenization_spaces=False
    )


def _read(path: Path) -> tuple[list[str], list[float]]:
    content = path.read_bytes()
    pieces: list[str] = []
    scores: list[float] = []
    place = 4  # after the length of the longest piece
    try:
        while place < len(content):
            score, length = struct.unpack_from("<fi", content, place)
            place += 8 + length
            pieces.append(content[place - length : place].decode())
            scores.append(score)
    except (struct.error, UnicodeDecodeError) as problem:
        raise DepthscopeError(f"{path}: this is no tokenizer of llama2.c ({problem})") from None
    if place != len(content) or len(pieces) <= FIRST_PIECE:
        raise DepthscopeError(f"{path}: this is no tokenizer of llama2.c, or it is cut off")
    # its export put a space for SentencePiece's mark, line breaks around the control tokens, and bytes for their names
    return [*FIRST_NAMES, *(piece.replace(" ", "▁") for piece in pieces[FIRST_PIECE:])], scores


def _merges(pieces: list[str], scores: Sequence[float], ids: dict[str, int]) -> list[tuple[str, str]]:
    found = []
    for number, piece in enumerate(pieces[FIRST_PIECE:], start=FIRST_PIECE):
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [(left, right) for left, right in pairs if left in ids and right in ids]
        found += [(-scores[number], ids[left], ids[right], left, right) for left, right in known]
    return [(left, right) for *_, left, right in sorted(found)]

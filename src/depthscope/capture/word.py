"""How little a model expected a word: not its tokens alone, but that a word began there and ended where it does."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import regex
import torch
from numpy.typing import NDArray

from depthscope.capture.pieces import decoded
from depthscope.capture.surprisal import Predictions
from depthscope.capture.tokens import Tokenized
from depthscope.errors import DepthscopeError
from depthscope.stimuli.elision import APOSTROPHES, ATTACHED
from depthscope.stimuli.words import UNSPACED

Surprisal = Literal["tokens", "word"]

# what the first sign of a token says of a word that ends before it: it has ended; so it has, unless a letter stands there; not
FREE, LETTER, MARK = 0, 1, 2

_MARK = regex.compile(r"[\p{M}\u200c\u200d]")
# an apostrophe before a letter goes on with a word (O'Brien, n't), if it does not attach another (Anna's)
_LETTER = regex.compile(
    rf"[\p{{L}}\p{{N}}_--[{UNSPACED}]]|[{APOSTROPHES}](?!(?i:{'|'.join(sorted(ATTACHED))})(?!\w))\p{{L}}", regex.V1
)
_BYTE = regex.compile(r"<0x([0-9A-F]{2})>")
_LAST = regex.compile(rf"[\p{{L}}\p{{N}}_--[{UNSPACED}]][\p{{M}}\u200c\u200d]*$", regex.V1)


class Words:
    """Which tokens of a vocabulary of V entries go on with a word, and which begin the next [1]_ [2]_.

    Tokens bring the space before a word, so that the probability of the last token of a word says nothing of whether the word
    ends there, and that of its first token says also that the word before it has ended. With ``c`` the tokens before a word
    and ``w`` its own, the probability of the word is

    ``p(w | c) * P(the word has ended | c, w) / P(the word before has ended | c)``

    where the second and third are summed over the tokens that begin no letter, or begin with a space. Of all words that can
    follow, these probabilities add up to one. Where the first token begins before the target (``'av`` of ``l'avion``), the
    denominator is the probability of all tokens that begin with those characters. Where the last token ends after the
    target, where characters before it take several tokens, and in vocabularies that do not show where words begin, the
    answer is NaN or an error, not a guess. A text counts as tokenised in one way, that of the tokenizer.

    References
    ----------
    .. [1] Pimentel, T. and Meister, C. (2024). How to compute the probability of a word. EMNLP.
    .. [2] Oh, B.-D. and Schuler, W. (2024). Leading whitespaces of language models' subword vocabulary pose a confound for
       calculating word probabilities. EMNLP.
    """

    def __init__(self, tokenizer: Any, size: int) -> None:
        known = min(size, len(tokenizer))
        special = frozenset(getattr(tokenizer, "all_special_ids", ()))
        texts = decoded(tokenizer, range(known))
        self._texts = [texts[i] for i in range(known)] + [""] * (size - known)
        backend = getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)
        kind, goes_on = type(backend).__name__, getattr(backend, "continuing_subword_prefix", None)
        # every token says of itself that it is a word, or the end of one
        self._told = kind == "WordLevel" or bool(getattr(backend, "end_of_word_suffix", None))
        if goes_on:
            names = [str(name) for name in tokenizer.convert_ids_to_tokens(list(range(known)))]
            kinds = [MARK if name.startswith(goes_on) else FREE for name in names]
        else:
            kinds = [FREE if i in special else _kind(text) for i, text in enumerate(self._texts[:known])]
            if not self._told and not any(text[:1].isspace() for text in self._texts):
                raise DepthscopeError(
                    "surprisal='word': no token of this vocabulary holds a space, so that it does not tell where words begin: "
                    "take surprisal='tokens'"
                )
        self._kinds = torch.tensor(kinds + [MARK] * (size - known))

    def asked(self, wanted: Predictions, rows: Sequence[Tokenized]) -> Predictions:
        """The ``wanted`` predictions, and after them that of what follows each target of which any is wanted."""
        ends = [(i, rows[i].covering[-1], 0) for i in _owners(wanted)]
        more = torch.tensor(ends, dtype=torch.long).reshape(-1, 3).unbind(1)
        return Predictions(*(torch.cat(pair) for pair in zip(_parts(wanted), more, strict=True)))

    def correction(self, logits: torch.Tensor, wanted: Predictions, rows: Sequence[Tokenized]) -> NDArray[np.float64]:
        """What is to be added to the bits of a target's tokens, (B,); NaN where there is no telling.

        Parameters
        ----------
        logits : Tensor (N, V)
            For :meth:`asked`.
        """
        bits = np.full(len(rows), np.nan)
        owners = _owners(wanted)
        first: dict[int, int] = {}
        for place, owner in enumerate(wanted.rows.tolist()):
            first.setdefault(owner, place)
        for k, i in enumerate(owners):
            row = rows[i]
            begun, ended = self._begun(row), self._ended(row)
            if begun is not None and ended is not None:
                bits[i] = _bits(logits[len(wanted) + k], ended) - _bits(logits[first[i]], begun)
        return bits

    def _begun(self, row: Tokenized) -> torch.Tensor | None:
        if not row.lead.strip():
            return self._after(row.before)
        if not self._texts[row.ids[row.covering[0]]].startswith(row.lead):
            return None
        return torch.tensor([text.startswith(row.lead) for text in self._texts])

    def _ended(self, row: Tokenized) -> torch.Tensor | None:
        if row.tail.strip():
            return None
        return torch.ones(len(self._kinds), dtype=torch.bool) if row.tail else self._after(row.word)

    def _after(self, text: str) -> torch.Tensor:
        """Tokens before which what this text ends with has ended, (V,)."""
        if not text or self._told:
            return torch.ones(len(self._kinds), dtype=torch.bool)
        return self._kinds == FREE if _LAST.search(text) else self._kinds != MARK


def _kind(text: str) -> int:
    byte = _BYTE.match(text)
    if byte:
        return _kind_of_byte(int(byte.group(1), 16))
    if _MARK.match(text):
        return MARK
    return LETTER if _LETTER.match(text) else FREE


def _kind_of_byte(byte: int) -> int:
    """Of the first byte of a character, by what most such characters are: 0xC2 and 0xE2 begin signs, 0xF0 emoji."""
    if byte < 0x80:
        return _kind(chr(byte))
    if byte < 0xC0:
        return MARK  # inside a character
    return LETTER if 0xC3 <= byte <= 0xE1 or 0xEA <= byte <= 0xED else FREE


def _owners(wanted: Predictions) -> list[int]:
    return list(dict.fromkeys(wanted.rows.tolist()))


def _parts(wanted: Predictions) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return wanted.rows, wanted.positions, wanted.tokens


def _bits(logits: torch.Tensor, tokens: torch.Tensor) -> float:
    """``-log2`` of the probability of all these ``tokens`` (V,) together, from the logits (V,); in float64."""
    exact = logits.double().cpu()
    some = exact[: len(tokens)][tokens[: len(exact)]]
    return float((exact.logsumexp(-1) - some.logsumexp(-1)) / np.log(2)) if not bool(tokens.all()) else 0.0

"""Latents that stand for a letter and stay silent at some words that begin with it, since another latent has taken it in."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, require
from depthscope.statistics.classify import Estimate
from depthscope.studies.sae.evaluation.score import Made, Score, scored
from depthscope.studies.sae.evaluation.units import Totals

WORDS = 3000  # of the vocabulary, at most
FRAME = "The word is {}"  # in which a word is read
LEAST = 20  # words of a letter, in both halves together
MOST = 3  # latents that may share a letter
GROWTH = 0.03  # of F1 by which one more must better those before it
ALIGNED = 0.1  # cosine of a decoder direction with the probe, of a latent that may have absorbed the letter
PART = 0.4  # of what the state has of the probe, that this latent must give
WRONG = 13  # letters further on stands the probe that is taken in the null
STANDS = 0.5  # F1 of latents that are a sign of a letter, at least
KNOWN = 0.5  # share of the words of a letter that the probe must know

NAMES = ("letters", "words", "missed", "absorbed", "chance")
MADE = (
    Made("absorbed", "share of the words that the probe knows", "lower", lambda s: s["absorbed"] / s["words"]),
    Made("missed", "share of the words that the probe knows", "lower", lambda s: s["missed"] / s["words"]),
)


@dataclass(frozen=True, eq=False)
class Absorption:
    """What becomes of the first letters of words.

    Attributes
    ----------
    letters : DataFrame
        One row for each letter that the probe knows: ``letter``, ``words`` (of the half that was held out, which the probe
        knows), ``known`` (share of the words of that letter that it knows), ``latents`` (that stand for it, best first), ``f1``
        (of any of them firing, as a sign of the letter, on the half that they were chosen by; below .5 none stands for it),
        ``missed`` (share of the words at which none of them fires), ``absorbed`` (share at which another one does that is
        aligned with the probe and gives most of it), ``chance`` (the same with the probe of another letter).
    """

    letters: pd.DataFrame

    @property
    def stands(self) -> NDArray[np.bool_]:
        """Letters that some latent stands for."""
        return np.asarray(self.letters["f1"] >= STANDS)

    @property
    def totals(self) -> Totals:
        """Sums by letter, of those that some latent stands for."""
        table = self.letters[self.stands]
        columns = [table["words"], *(table[name] * table["words"] for name in ("missed", "absorbed", "chance"))]
        return Totals(NAMES, np.column_stack([np.ones(len(table)), *columns]).astype(float), "letters")

    def scores(self, seed: int = 0) -> list[Score]:
        """``absorbed``: share of the words at which the latents of their first letter are silent and another one stands in;
        ``missed``: at which they are silent, whatever stands in. Both 0 to 1, over the words that the probe knows, of letters
        that some latent stands for; intervals over letters. ``letters``: the share of the letters that the probe knows which
        some latent stands for; without any, it is the only score.
        """
        share = Estimate(float(self.stands.mean()), float("nan"), float("nan"))
        letters = Score("letters", share, "share of the letters that the probe knows", "higher")
        return [*(scored(MADE, self.totals, seed) if self.stands.any() else []), letters]


def words_of(tokenizer: Any, most: int = WORDS) -> list[str]:
    """Words of three letters and more that are a single token with the space before them; evenly over the vocabulary."""
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    plain = [piece[1:] for piece in pieces if piece and piece[0] in "Ġ▁"]
    if len(plain) < LEAST * len(string.ascii_lowercase):
        # of tokenizers that mark what goes on, not what begins
        plain = [piece for piece in pieces if piece and not piece.startswith("##")]
    kept = list(dict.fromkeys(word for word in plain if len(word) > 2 and word.isascii() and word.isalpha()))
    if not kept:
        raise DepthscopeError("the tokenizer has no token that is an English word: leave feature absorption out")
    step = max(1, -(-len(kept) // most))
    return kept[::step]


def absorption(
    words: Sequence[str], states: Float, values: sparse.csc_matrix, decoder: Float, bias: Float, *, seed: int = 0
) -> Absorption:
    """First letters in the code of words.

    A probe of the letter is fitted to the states of half of the words. The latents that stand for a letter are those that fire
    at its words and at few others, of the same half: the one with the largest F1, and up to two more if these better it by
    .03. Then, of the other half, words of the letter that the probe knows are counted at which none of these latents fires; and
    those at which another one fires with a direction whose cosine with the probe is above .1, and which gives at least .4 of
    what the state has of the probe.

    Parameters
    ----------
    words : sequence of str
    states : array (word, d)
        At the last token of each.
    values : sparse matrix (word, latent)
        The code there.
    decoder : array (latent, d)
    bias : array (d,)
        What is given back where no latent fires.
    seed : int
        Of the halves.

    Raises
    ------
    DepthscopeError
        No letter that the probe knows.

    References
    ----------
    Chanin et al. (2024), arXiv 2409.14507; simplified, without ablations, as SAEBench does.
    """
    letters = np.array([string.ascii_lowercase.index(word[0].lower()) for word in words])
    rng = np.random.default_rng(seed)
    fitted = np.zeros(len(words), dtype=bool)
    for letter in range(len(string.ascii_lowercase)):
        mine = rng.permutation(np.flatnonzero(letters == letter))
        fitted[mine[: len(mine) // 2]] = True
    classes, probes, guesses = _probe(states, letters, fitted)
    unit = decoder / np.maximum(np.linalg.norm(decoder, axis=-1, keepdims=True), 1e-30)
    rows, code = [], values.tocsr()
    inside = code[fitted].tocsc()
    for k, letter in enumerate(classes):
        mine = np.flatnonzero((letters == letter) & ~fitted)
        known = mine[guesses[mine] == letter]
        if (letters == letter).sum() < LEAST or len(known) < KNOWN * len(mine):
            continue
        latents, stands = _standing(inside, letters[fitted] == letter)
        silent = known[np.asarray(code[known][:, latents].sum(1)).ravel() == 0]
        place = (k + WRONG) % len(classes)
        counts = [
            sum(_stands_in(code[[row]], states[row] - bias, probes[probe], unit, decoder, latents) for row in silent)
            for probe in (k, place)
        ]
        rows.append(
            {
                "letter": string.ascii_lowercase[letter],
                "words": len(known),
                "known": len(known) / len(mine),
                "latents": " ".join(map(str, latents)),
                "f1": stands,
                "missed": len(silent) / len(known),
                "absorbed": counts[0] / len(known),
                "chance": counts[1] / len(known),
            }
        )
    if not rows:
        raise DepthscopeError(
            "the first letter of words cannot be read off the states by a probe here, so that nothing can be said of its "
            "absorption: choose a later layer, or a better model"
        )
    return Absorption(pd.DataFrame(rows))


def _probe(
    states: Float, letters: NDArray[np.intp], fitted: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], Float, NDArray[np.intp]]:
    """Which letters there are, a direction of length 1 for each, (letter, d), and the letter that each word is taken for."""
    linear: Any = require("sklearn.linear_model", "mechanism")
    mean, scale = states[fitted].mean(0), states[fitted].std(0)
    scale = np.where(scale > 0, scale, 1.0)
    scaled = (states - mean) / scale
    model = linear.RidgeClassifierCV(np.logspace(-1, 5, 13)).fit(scaled[fitted], letters[fitted])
    directions = np.atleast_2d(model.coef_) / scale
    if len(model.classes_) == 2:
        directions = np.concatenate([-directions, directions])
    directions = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    return model.classes_, directions, model.predict(scaled)


def _standing(inside: sparse.csc_matrix, truth: NDArray[np.bool_]) -> tuple[list[int], float]:
    """The latents that stand for a letter, and the F1 of any of them firing."""
    fires = inside > 0
    right = fires.T @ truth.astype(np.float64)
    alone = 2 * right / (np.diff(fires.tocsc().indptr) + truth.sum())
    chosen: list[int] = []
    best, there = 0.0, np.zeros(len(truth), dtype=bool)
    for latent in map(int, np.argsort(-alone, kind="stable")[:MOST]):
        now = there | (inside[:, [latent]].toarray()[:, 0] > 0)
        score = 2 * (now & truth).sum() / (now.sum() + truth.sum())
        if chosen and score < best + GROWTH:
            break
        chosen.append(latent)
        best, there = float(score), now
    return chosen, best


def _stands_in(
    code: sparse.csr_matrix, state: Float, probe: Float, unit: Float, decoder: Float, without: list[int]
) -> bool:
    """Whether one latent of a word has most of the probe."""
    there = np.setdiff1d(code.indices[code.data > 0], without)
    whole = float(state @ probe)
    if not len(there) or whole <= 0:
        return False
    activation = np.asarray(code[:, there].toarray())[0]
    gives = activation * (decoder[there] @ probe)
    return bool(np.any((unit[there] @ probe > ALIGNED) & (gives >= PART * whole)))

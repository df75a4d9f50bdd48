"""One latent in sentences: its numbers, and nothing that they do not say."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from depthscope.drawing.reading import short, some
from depthscope.telling import Sheet
from depthscope.words import layers_text, names_text

if TYPE_CHECKING:
    from depthscope.studies.sae.features.feature import FeatureCard

# tokens, latents and layers that a sentence names
NAMED = 4
# a direction that is carried by less than half as much as where it is carried most is not called carried
HALF = 0.5
# letters of a context on either side, in a terminal
LETTERS = 34

CAUTION = (
    "What a latent fires on is described here by examples. Top activations show its extreme, random ones what it mostly does; "
    "neither says what it is for."
)


def title(one: "FeatureCard") -> str:
    return f"Latent {one.latent} of {one.name}"


def about(one: "FeatureCard") -> str:
    return f"{one.model}; {one.latents:,} latents; {one.total:,} tokens"


def share_text(share: float) -> str:
    """``31 %``, ``0.31 %``, ``0.0031 %``: two digits, however few they are."""
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def quoted(one: "FeatureCard", tokens: Iterable[int]) -> str:
    """Tokens in quotation marks, each once."""
    return names_text(dict.fromkeys(f"“{short(one.words[token])}”" for token in tokens))


def answer(one: "FeatureCard") -> list[str]:
    """What was found, the most important first."""
    return [sentence for part in said(one).values() for sentence in part]


def said(one: "FeatureCard") -> dict[str, list[str]]:
    """The same by what it is of: where it fires, its effect, its company, its depth."""
    if not one.count:
        return {"fires": [f"It fires on none of {one.total:,} tokens."]}
    first = (
        f"It fires on {share_text(one.density)} of {one.total:,} tokens, with {one.mean:.3g} on average and {one.maximum:.3g} "
        "at most."
    )
    return {
        "fires": [first, *_tokens(one)],
        "effect": _effect(one),
        "company": _company(one),
        "depth": [*_depth(one), *_cse(one)],
    }


def _effect(one: "FeatureCard") -> list[str]:
    if not one.up:
        return []
    up, down = (quoted(one, [moved.token for moved in side[:NAMED]]) for side in (one.up, one.down))
    return [f"Added to the last state, its direction raises {up} and lowers {down}."]


def _tokens(one: "FeatureCard") -> list[str]:
    if not one.tokens:
        return []
    first = one.tokens[0]
    word = f"“{short(one.words[first.token])}”"
    told = f"{share_text(first.share)} of its firings are on {word}, on {share_text(first.rate)} of whose occurrences it fires"
    rest = quoted(one, [t.token for t in one.tokens[1:NAMED]])
    return [f"{told}; then come {rest}." if rest else f"{told}."]


def _company(one: "FeatureCard") -> list[str]:
    told = []
    if one.near:
        near = one.near[0]
        told.append(
            f"The nearest direction in its dictionary is that of latent {near.latent} (cosine {near.cosine:.2f})."
        )
    if one.partners:
        partner = one.partners[0]
        told.append(
            f"It fires most often together with latent {partner.latent}: {2**partner.pmi:.3g} times as often as by chance, "
            f"Jaccard index {partner.jaccard:.2f}."
        )
    return told


def _depth(one: "FeatureCard") -> list[str]:
    if one.separation is None or np.isnan(one.separation).all():
        return []
    best = int(np.nanargmax(one.separation))
    high = np.flatnonzero(one.separation >= HALF * one.separation[best])
    # as far as it goes without a gap on either side of the best
    first = best - int(np.argmin(np.isin(np.arange(best, -2, -1), high))) + 1
    last = best + int(np.argmin(np.isin(np.arange(best, len(one.separation) + 1), high))) - 1
    return [
        f"On the tokens that it fires on the stream carries its direction at {layers_text(first, last)} (at least half of "
        f"the most, {one.separation[best]:.2g} standard deviations at layer {best})."
    ]


def _cse(one: "FeatureCard") -> list[str]:
    if one.cse_gap is None or np.isnan(one.cse_gap).all():
        return []
    far = int(np.nanargmax(np.abs(one.cse_gap)))
    gap = float(one.cse_gap[far])
    return [
        f"CSE of these tokens is {'above' if gap > 0 else 'below'} that of the others by up to {abs(gap):.2g} standard "
        f"deviations, at layer {far + 1} (mean over layers {np.nanmean(one.cse_gap):+.2g}; no test is made of it)."
    ]


def occurrence_sheet(one: "FeatureCard") -> Sheet:
    """Where it fires most, for a terminal."""
    rows = []
    for seen in one.top:
        pieces = [short(piece) if piece.isspace() else piece for piece in one.pieces(seen)]
        before, after = "".join(pieces[: seen.at]), "".join(pieces[seen.at + 1 :])
        rows.append(
            (f"{seen.value:.3g}", f"{_flat(before)[-LETTERS:]}[{_flat(pieces[seen.at])}]{_flat(after)[:LETTERS]}")
        )
    return Sheet(["activation", "text"], rows, f"Where it fires most, of {some(one.count, 'token')}")


def _flat(text: str) -> str:
    return " ".join(text.split("\n"))

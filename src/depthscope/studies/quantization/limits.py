"""The limits of a scheme of quantisation, and which schemes break them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from depthscope.errors import DepthscopeError

if TYPE_CHECKING:
    from depthscope.studies.quantization.results import SchemeRow


@dataclass(frozen=True)
class Limits:
    """Bounds, each of which may be missing; what lies on a bound does not break it.

    Attributes
    ----------
    perplexity : float or None
        At most.
    ratio : float or None
        Perplexity at most, over that of the original.
    agreement : float or None
        Share of the passage's tokens for which the likeliest one is that of the original, at least.
    drift : float or None
        Root mean square change of CSE over its spread between items, mean over layers, at most.
    """

    perplexity: float | None = None
    ratio: float | None = None
    agreement: float | None = None
    drift: float | None = None

    @classmethod
    def of(
        cls,
        max_perplexity: str | float | None = None,
        min_agreement: float | None = None,
        max_drift: float | None = None,
    ) -> "Limits":
        """From what a user writes: ``"1.05x"`` (times that of the original) or ``25.3``; a share; a ratio.

        Raises
        ------
        DepthscopeError
            What is no number, or one that no scheme could break or keep to.
        """
        perplexity = ratio = None
        if max_perplexity is not None:
            text = str(max_perplexity).strip()
            number = _number(text.removesuffix("x"))
            if text.endswith("x") and number > 0:
                ratio = number
            elif not text.endswith("x") and number >= 1:
                perplexity = number
            else:
                raise DepthscopeError(
                    f"max_perplexity={text}: give a ratio to the original's, as in 1.05x, or a perplexity from 1 on, as in 25"
                )
        if min_agreement is not None and not 0 < min_agreement <= 1:
            raise DepthscopeError(
                f"min_agreement={min_agreement:g}: give a share of the tokens, over 0 and up to 1, as in .95"
            )
        if max_drift is not None and not 0 <= max_drift < float("inf"):
            raise DepthscopeError(
                f"max_drift={max_drift:g}: give a drift of CSE over its spread between items, 0 or more, as in .5"
            )
        return cls(perplexity, ratio, min_agreement, max_drift)

    @property
    def told(self) -> list[str]:
        """The limits in words; none if none is set."""
        words = {
            "perplexity at most {:g}": self.perplexity,
            "perplexity at most {:g} times the original's": self.ratio,
            "next token agrees in at least {:.4g} of all places": self.agreement,
            "drift of CSE at most {:g} of its spread": self.drift,
        }
        return [text.format(value) for text, value in words.items() if value is not None]

    def broken_by(self, row: "SchemeRow", original: "SchemeRow") -> list[str]:
        """The limits that a scheme breaks, a phrase each. What was not measured, or is no number, breaks them all."""
        if not self.told:
            return []
        if row.failed:
            return [f"not measured, so that nothing is known of it: {row.failed}"]
        times = "" if self.ratio is None else f"{self.ratio:g} times the original's {original.perplexity:.4g}"
        bounds = (
            ("perplexity", row.perplexity, "above", self.perplexity, f"{self.perplexity or 0:g}"),
            ("perplexity", row.perplexity, "above", self.ratio and self.ratio * original.perplexity, times),
            ("agreement of the next token", row.agreement, "below", self.agreement, f"{self.agreement or 0:.4g}"),
            ("drift of CSE over its spread", row.cse_drift, "above", self.drift, f"{self.drift or 0:g}"),
        )
        broken = []
        for what, value, side, bound, said in bounds:
            if bound is None or (value >= bound if side == "below" else value <= bound):
                continue
            broken.append(f"{what} {value:.4g} is {side} {said}" if isfinite(value) else f"{what} is no number")
        return broken

    def broken(self, rows: Sequence["SchemeRow"]) -> dict[str, list[str]]:
        """Of all schemes beside the original, which is the first of ``rows``: those that break a limit, and how."""
        original, *others = rows
        return {row.scheme: found for row in others if (found := self.broken_by(row, original))}


NO_LIMITS = Limits()


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return value if isfinite(value) else float("nan")

"""What a contrast says: ``a - b``, or a difference of differences ``(a - b) - (c - d)``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from depthscope.errors import DepthscopeError, listed

Side = tuple[str, ...]  # one condition, or two: the first minus the second


@dataclass(frozen=True)
class Terms:
    """``left - right``, each a condition or the difference of two.

    Attributes
    ----------
    left, right : tuple of str
        ``("a",)`` for a, ``("a", "b")`` for a - b; both sides have the same length.
    """

    left: Side
    right: Side

    @property
    def name(self) -> str:
        if len(self.left) == 1:
            return f"{self.left[0]} - {self.right[0]}"
        return f"({side_name(self.left)}) - ({side_name(self.right)})"

    @property
    def conditions(self) -> list[str]:
        """Every condition that is named, once."""
        return list(dict.fromkeys((*self.left, *self.right)))

    @property
    def reduced(self) -> "Terms":
        """What is left when a condition that both sides share cancels: ``a - c`` of ``(a - b) - (c - b)``."""
        if len(self.left) == 2 and self.left[1] == self.right[1]:
            return Terms(self.left[:1], self.right[:1])
        if len(self.left) == 2 and self.left[0] == self.right[0]:
            return Terms(self.right[1:], self.left[1:])
        return self

    @property
    def compared(self) -> list[tuple[str, str]]:
        """Pairs of conditions that must differ up to the target for the contrast to mean anything."""
        if len(self.left) == 1:
            return [(self.left[0], self.right[0])]
        (a, b), (c, d) = self.left, self.right
        # a baseline that both differences share cancels, and leaves the two others face to face
        facing = [(a, c)] if b == d else [(b, d)] if a == c else []
        return [(a, b), (c, d), *facing]


def side_name(side: Side) -> str:
    return " - ".join(side)


def parse_terms(text: str, conditions: Sequence[str]) -> Terms:
    """Read ``a-b`` or ``(a-b)-(c-d)``; names of conditions may contain hyphens and brackets themselves."""
    found = [Terms((a,), (b,)) for a, b in _splits(text, conditions)]
    if not found:
        found = [
            Terms(left, right)
            for opened, closed in _bracketed(text)
            for left in _splits(opened, conditions)
            for right in _splits(closed, conditions)
            if left != right
        ]
    if len(found) > 1:
        readings = listed(f"{t.left!r} minus {t.right!r}" for t in found)
        raise DepthscopeError(f"contrast {text!r} can be read in several ways ({readings}); rename a condition")
    if found:
        return found[0]
    raise DepthscopeError(
        f"contrast {text!r}: write it as a-b, or as (a-b)-(c-d), with conditions of this table, which has "
        f"{listed(conditions, 12)}"
    )


def _splits(text: str, conditions: Sequence[str]) -> list[tuple[str, str]]:
    """Every reading of ``a-b`` in which both are conditions."""
    hyphens = [i for i, character in enumerate(text) if character == "-"]
    halves = [(text[:i].strip(), text[i + 1 :].strip()) for i in hyphens]
    return [(a, b) for a, b in halves if a in conditions and b in conditions and a != b]


def _bracketed(text: str) -> Iterator[tuple[str, str]]:
    """Every reading of ``(x)-(y)``, brackets taken off."""
    for i, character in enumerate(text):
        left, right = text[:i].strip(), text[i + 1 :].strip()
        if character == "-" and all(part.startswith("(") and part.endswith(")") for part in (left, right)):
            yield left[1:-1], right[1:-1]

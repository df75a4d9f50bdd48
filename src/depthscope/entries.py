"""Ground floor: one name for each pair of an item, which is what an entry of a result is called."""

import re
from collections.abc import Iterable

SEPARATOR = "/"
# backslashes count only where a separator follows, so that all other names stay as they are
_MISTAKABLE = re.compile(r"(\\*)(/|$)")


def entry_names(items: Iterable[str], pairs: Iterable[str] | None = None) -> list[str]:
    r"""Names of entries, different wherever item or pair are.

    Parameters
    ----------
    items : iterable of str
    pairs : iterable of str, optional
        The column ``pair``, blank where an item has one only; None for a table without such a column.

    Returns
    -------
    list of str
        ``item/pair``, or the item where the pair is blank. Beside a column of pairs, a slash that belongs to an item is
        written ``\/``: item ``a/b``, pair ``c`` is ``a\/b/c``, and item ``a``, pair ``b/c`` is ``a/b/c``. Without such a
        column, items are called what they are called.

    Examples
    --------
    >>> entry_names(["a", "a", "b"], ["1", "2", ""])
    ['a/1', 'a/2', 'b']
    >>> print(*entry_names(["1", "1/2"], ["2", ""]))
    1/2 1\/2
    """
    if pairs is None:
        return list(items)
    return [_name(item, pair) for item, pair in zip(items, pairs, strict=True)]


def _name(item: str, pair: str) -> str:
    return f"{_shielded(item)}{SEPARATOR}{pair}" if pair else _shielded(item)


def _shielded(item: str) -> str:
    """A slash gets a backslash, and backslashes before a slash or at the end, where one would follow, are doubled."""
    return _MISTAKABLE.sub(lambda m: m[1] * 2 + (rf"\{SEPARATOR}" if m[2] else ""), item)

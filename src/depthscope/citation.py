"""How to cite the software and the paper whose idea it measures: read from ``CITATION.cff``, which is the one source."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "CITATION.cff"


@dataclass(frozen=True, repr=False)
class Citation:
    """What to cite. Returned by :func:`cite`; printed, it is both.

    Attributes
    ----------
    text : str
        The software and the paper, a line each.
    bibtex : str
        The same as two entries of BibTeX.
    """

    text: str
    bibtex: str

    def __str__(self) -> str:
        return f"{self.text}\n\n{self.bibtex}"

    __repr__ = __str__


def cite() -> Citation:
    """How to cite this version of depthscope, and the paper of conditional scale entropy.

    Examples
    --------
    >>> import depthscope as ds
    >>> print(ds.cite().text)                                # doctest: +ELLIPSIS
    The depthscope founders (...). depthscope: how a transformer's computation is organised across its depth. Version ...
    Chakrabarti, ... (2026). Post-Hoc Understanding of Metaphor Processing ... https://arxiv.org/abs/2605.21391
    """
    import yaml

    about = yaml.safe_load(_file().read_text(encoding="utf-8"))
    paper = about["references"][0]
    year = str(about["date-released"])[:4]
    software = f"{_people(about)} ({year}). {about['title']}. Version {about['version']}. {about['license']}."
    article = f"{_people(paper)} ({paper['year']}). {paper['title']}. {paper['url']}"
    entries = [
        _entry(
            "software",
            f"depthscope{year}",
            {
                "author": _authors(about),
                "title": f"{{{about['title']}}}",
                "year": year,
                "version": about["version"],
                "note": f"License {about['license']}",
            },
        ),
        _entry(
            "misc",
            f"{_name(paper['authors'][0]).lower()}{paper['year']}",
            {
                "author": _authors(paper),
                "title": f"{{{paper['title']}}}",
                "year": paper["year"],
                "month": paper["month"],
                "url": paper["url"],
            },
        ),
    ]
    return Citation(f"{software}\n{article}", "\n\n".join(entries))


def _file() -> Path:
    """In an installed package beside its modules, in a checkout at its top."""
    here = Path(__file__).parent
    return next(path for path in (here / FILE, here.parents[1] / FILE) if path.is_file())


def _name(author: Mapping[str, Any]) -> str:
    return str(author.get("name") or ", ".join(filter(None, [author.get("family-names"), author.get("given-names")])))


def _people(work: Mapping[str, Any]) -> str:
    names = [_name(author) for author in work["authors"]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} & {names[-1]}"


def _authors(work: Mapping[str, Any]) -> str:
    # a group has no family name: in braces it is left whole
    return " and ".join(f"{{{_name(one)}}}" if "name" in one else _name(one) for one in work["authors"])


def _entry(kind: str, key: str, fields: Mapping[str, Any]) -> str:
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{lines}}}"

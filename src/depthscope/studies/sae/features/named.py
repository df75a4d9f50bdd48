"""Dictionaries by name, each with the site that it reads."""

from collections.abc import Mapping, Sequence

from depthscope.capture.sites import Site
from depthscope.errors import DepthscopeError
from depthscope.studies.sae.dictionary import Dictionary

Given = Dictionary | Sequence[Dictionary] | Mapping[str, Dictionary]


def named(dictionaries: Given) -> dict[str, Dictionary]:
    """By the names that are given, or else by their sites, with the number of latents where several read one site.

    Raises
    ------
    DepthscopeError
        None at all, one that does not say what it reads, or two that no name tells apart.
    """
    if isinstance(dictionaries, Mapping):
        found = dict(dictionaries)
    else:
        several = [dictionaries] if isinstance(dictionaries, Dictionary) else list(dictionaries)
        sites = [str(one.origin.site) for one in several]
        names = [
            f"{site}-n{one.latents}" if sites.count(site) > 1 else site
            for site, one in zip(sites, several, strict=True)
        ]
        for name in names:
            if names.count(name) > 1 and name != str(None):
                raise DepthscopeError(
                    f"two dictionaries are called {name}: give them by name, {{'one': ..., 'other': ...}}"
                )
        found = dict(zip(names, several, strict=True))
    if not found:
        raise DepthscopeError("there is no dictionary: give one at least")
    for name, one in found.items():
        if one.origin.site is None:
            raise DepthscopeError(
                f"the dictionary {name!r} does not say which site it reads: give it an origin, "
                "Origin(site=Site('resid', 15))"
            )
    return found


def site_of(dictionary: Dictionary) -> Site:
    """What a dictionary of :func:`named` reads."""
    site = dictionary.origin.site
    assert site is not None  # named() has looked
    return site


def written_by(dictionary: Dictionary) -> Site | None:
    """Where its directions are added to the stream; None if they are added to no stream, but are the input of a part."""
    site = dictionary.origin.target or site_of(dictionary)
    return None if site.place.endswith("-in") else site

"""One pass over a text for what dictionaries give back of its states, with controls that are fitted to its first tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from depthscope.capture.sites import Site
from depthscope.capture.taps import Read, Taps
from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError
from depthscope.progress import bar
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.controls import CALIBRATION, Linear, mean_of, principal, random_like
from depthscope.studies.sae.evaluation.reconstruction import Reconstructing, Reconstruction
from depthscope.studies.sae.evaluation.units import units_of

EVERY = 4  # passes of which one is given to random directions, which cost as much as a dictionary
RANDOM, MEAN = "random directions", "the mean"


@dataclass(frozen=True, eq=False)
class Placed:
    """A dictionary at its place in a model.

    Attributes
    ----------
    name : str
    dictionary : Dictionary
    reads, writes : Site
        The same, but of a transcoder.
    """

    name: str
    dictionary: Dictionary
    reads: Site
    writes: Site


def placed(name: str, dictionary: Dictionary) -> Placed:
    """A dictionary where it says that it was trained."""
    reads = dictionary.origin.site
    if reads is None:
        raise DepthscopeError(
            f"{name!r} does not say at which site it was trained: give it an origin with a site, as Site('resid', 15)"
        )
    return Placed(name, dictionary, reads, dictionary.origin.target or reads)


@dataclass(frozen=True, eq=False)
class GivenBack:
    """Reconstructions of the same tokens.

    Attributes
    ----------
    found : dict of str to Reconstruction
        By dictionary.
    random : dict of str to Dictionary
        Of each dictionary, as many latents in random directions.
    beside : dict of str to Reconstruction
        What these give back, of a part of the tokens.
    linear : dict of (Site, str) to Linear
        At each site that is written, the mean, and principal components.
    lines : dict of (Site, str) to Reconstruction
        What these give back.
    """

    found: dict[str, Reconstruction]
    random: dict[str, Dictionary]
    beside: dict[str, Reconstruction]
    linear: dict[tuple[Site, str], Linear]
    lines: dict[tuple[Site, str], Reconstruction]


@torch.no_grad()
def give_back(
    taps: Taps, subjects: Sequence[Placed], windows: Sequence[Window], *, seed: int = 0, progress: bool = False
) -> GivenBack:
    """Reconstruct the states of windows by dictionaries and by their controls.

    Parameters
    ----------
    taps : Taps
        At all sites that are read or written.
    subjects : sequence of Placed
    windows : sequence of Window
    seed : int
        Of the random directions.
    progress : bool
        Show how far it has come.

    Raises
    ------
    DepthscopeError
        No token, states of another width, or states that are not finite.
    """
    units = units_of(windows)
    found = {one.name: Reconstructing(units, one.dictionary.latents) for one in subjects}
    beside = {one.name: Reconstructing(units, one.dictionary.latents) for one in subjects}
    linear: dict[tuple[Site, str], Linear] = {}
    random: dict[str, Dictionary] = {}
    lines: dict[tuple[Site, str], Reconstructing] = {}
    with bar(len(windows), "giving back", shown=progress) as advance:
        for number, (read, sample) in enumerate(_calibrated(taps.read(windows))):
            if sample is not None:
                random = {one.name: _random(one, sample, seed) for one in subjects}
                linear = _linear(subjects, sample)
                lines = {key: Reconstructing(units) for key in linear}
            window = read.numbers[read.window]
            for one in subjects:
                states, goal = read.states[one.reads], read.states[one.writes]
                code, given = one.dictionary.autoencode(states)
                found[one.name].add(window, goal, given, code)
                if number % EVERY == 0:
                    code, given = random[one.name].autoencode(states)
                    beside[one.name].add(window, goal, given, code)
            for (site, name), line in linear.items():
                states = read.states[site]
                lines[site, name].add(window, states, line.reconstruct(states.to(line.mean)))
            advance(len(read.windows))
    return GivenBack(
        {name: one.result() for name, one in found.items()},
        random,
        {name: one.result() for name, one in beside.items()},
        linear,
        {key: one.result() for key, one in lines.items()},
    )


def principal_name(count: int) -> str:
    """What principal components are called in tables."""
    return f"{count} principal components"


def _calibrated(reads: Iterator[Read]) -> Iterator[tuple[Read, dict[Site, torch.Tensor] | None]]:
    """The reads in order; the first with the states of the first tokens of all, to which controls are fitted."""
    held: list[Read] = []
    for read in reads:
        held.append(read)
        if sum(len(one.ids) for one in held) >= CALIBRATION:
            break
    if not held:
        return
    sample = {site: torch.cat([one.states[site] for one in held])[:CALIBRATION] for site in held[0].states}
    yield held[0], sample
    yield from ((read, None) for read in held[1:])
    held.clear()
    yield from ((read, None) for read in reads)


def _random(one: Placed, sample: dict[Site, torch.Tensor], seed: int) -> Dictionary:
    states = sample[one.reads]
    return random_like(
        one.dictionary,
        states,
        _active(one, sample),
        targets=sample[one.writes] if one.writes != one.reads else None,
        seed=seed,
    )


def _linear(subjects: Sequence[Placed], sample: dict[Site, torch.Tensor]) -> dict[tuple[Site, str], Linear]:
    """At each site the mean, and as many principal components as latents of a dictionary fire."""
    made = {(one.writes, MEAN): mean_of(sample[one.writes].float()) for one in subjects}
    for one in subjects:
        count = max(1, round(_active(one, sample)))
        key = one.writes, principal_name(count)
        if key not in made:
            made[key] = principal(sample[one.writes].float(), count)
    return made


def _active(one: Placed, sample: dict[Site, torch.Tensor]) -> float:
    """Latents that fire at a token."""
    few = sample[one.reads][:1024]
    return float(one.dictionary.encode(few).active.double().mean())

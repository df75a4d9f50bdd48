"""What a model still predicts when a dictionary's reconstruction stands in the place of its states."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.capture.batches import pad, plan
from depthscope.capture.record import check_vocabulary
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError
from depthscope.model.model import Model
from depthscope.model.plain import plainly
from depthscope.progress import bar
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.score import Made, Score, scored
from depthscope.studies.sae.evaluation.units import Totals, units_of

LOGITS = 2**25  # numbers of the predictions of a pass: 128 MiB in float32, of which two are compared
ROWS = 64  # tokens whose probabilities are worked out at a time
ZERO, MEAN = "zero", "mean"


class Replacement(NamedTuple):
    """What stands in the place of states.

    Attributes
    ----------
    reads, writes : Site
        Where states are taken from, and where they are replaced: another place in a transcoder alone.
    given : callable
        From states (N, d) where they are read to states (N, d) where they are written.
    """

    reads: Site
    writes: Site
    given: Callable[[torch.Tensor], torch.Tensor]


def replacement(dictionary: Dictionary, site: Site | None = None) -> Replacement:
    """A dictionary's reconstruction in place of the states at its own site, or at the one that is named.

    Raises
    ------
    DepthscopeError
        The site is not known.
    """
    reads = site or dictionary.origin.site
    if reads is None:
        raise DepthscopeError("the dictionary does not say where it was trained: name the site, as layer-15")
    return Replacement(reads, dictionary.origin.target or reads, dictionary.reconstruct)


NAMES = ("tokens", "intact", "put", "divergence", ZERO, MEAN)
NATS = "nats per token"


MADE = (
    Made("ce_intact", NATS, "neither", lambda s: s["intact"] / s["tokens"]),
    Made("ce_increase", NATS, "lower", lambda s: (s["put"] - s["intact"]) / s["tokens"]),
    Made("kl", NATS, "lower", lambda s: s["divergence"] / s["tokens"]),
    Made(
        "loss_recovered",
        "share of what zeros cost",
        "higher",
        lambda s: (s[ZERO] - s["put"]) / (s[ZERO] - s["intact"]),
    ),
    Made(
        "loss_recovered_mean",
        "share of what the mean costs",
        "higher",
        lambda s: (s[MEAN] - s["put"]) / (s[MEAN] - s["intact"]),
    ),
)


@dataclass(frozen=True, eq=False)
class PutBack:
    """What putting something in the place of states costs.

    Attributes
    ----------
    totals : Totals
        Sums by document over tokens that predict: of cross-entropies of the next token in nats, as the model is (``intact``),
        with the states replaced (``put``), with zeros and with the mean state in their place; and of the divergence of what
        is predicted from the intact prediction, KL(intact || put).
    """

    totals: Totals

    @property
    def tokens(self) -> int:
        """How many predictions were compared."""
        return int(self.totals.values[:, 0].sum())

    def scores(self, seed: int = 0) -> list[Score]:
        """Every number of it.

        ``ce_intact``: of the model as it is. ``ce_increase``: what is lost, 0 for nothing; below 0 if predictions got better.
        ``kl``: 0 or more, 0 only if nothing changed. ``loss_recovered``: 1 if nothing is lost, 0 if as much as with zeros in
        the place of the states, below 0 if more; zeros in the residual stream wreck a model, so that most of what is written
        there is near 1. ``loss_recovered_mean``: the same beside the mean state, which is a harder zero.
        """
        return scored(MADE, self.totals, seed)


@plainly()
def put_back(
    model: Model,
    replacements: Mapping[str, Replacement],
    windows: Sequence[Window],
    *,
    means: Mapping[Site, torch.Tensor] | None = None,
    progress: bool = False,
) -> dict[str, PutBack]:
    """Cross-entropy and divergence with each replacement in turn, of the same predictions.

    Replaced are the states of all tokens of a window, its context too, but for special ones and the first, which no
    dictionary was trained on; counted are predictions of measured tokens from replaced states.

    Parameters
    ----------
    model : Model
        A causal language model.
    replacements : mapping of str to Replacement
    windows : sequence of Window
    means : mapping of Site to Tensor (d,), optional
        The mean state of each site that is written; otherwise of these windows.
    progress : bool
        Show how far it has come.

    Returns
    -------
    dict of str to PutBack

    Raises
    ------
    DepthscopeError
        A model that predicts no next token, no window, or a replacement that is not finite or of another width.
    """
    if not (model.causal and model.predicts):
        raise DepthscopeError(
            f"{model.name} predicts no next token, so that nothing can be said of what a dictionary loses; choose a causal "
            "language model, or leave this measure out"
        )
    taps = Taps(model, [site for one in replacements.values() for site in (one.reads, one.writes)])
    written = {one.writes for one in replacements.values()}
    known = dict(means or {})
    known |= _means(taps, written - known.keys(), windows)
    units = units_of(windows)
    blank = {site: {ZERO: _constant(site, None), MEAN: _constant(site, known[site])} for site in written}
    sums = {name: np.zeros((units.count, len(NAMES))) for name in replacements}
    check_vocabulary(model.name, model.vocabulary, max((int(window.ids.max()) for window in windows), default=0))
    most = max(1, LOGITS // model.vocabulary)
    lengths = [len(window.ids) for window in windows]
    running = _Running(taps)
    passes = plan(lengths, 1 if model.alone else most, None)
    with bar(len(passes), "putting back", shown=progress) as advance:
        for numbers in passes:
            some = [windows[i] for i in numbers]
            row, position, wanted = _predictions(taps, some, most)
            if len(row):
                unit = units.of[np.array(numbers)[row]]
                intact = running.begin(some, row, position)
                bases = {
                    site: {name: _missed(running.put(one), wanted) for name, one in two.items()}
                    for site, two in blank.items()
                }
                before = _missed(intact, wanted)
                for name, one in replacements.items():
                    put = running.put(one)
                    cost, divergence = _missed(put, wanted), _divergence(intact, put)
                    base = bases[one.writes]
                    columns = [np.ones(len(row)), before, cost, divergence, base[ZERO], base[MEAN]]
                    np.add.at(sums[name], unit, np.stack(columns, -1))
            advance(1)
    found = {name: PutBack(Totals(NAMES, each[each[:, 0] > 0], units.over)) for name, each in sums.items()}
    for name, back in found.items():
        if not back.tokens:
            raise DepthscopeError("no token predicts another one in these windows: give a longer text")
        if not np.isfinite(back.totals.values).all():
            raise DepthscopeError(
                f"with {name!r} in the place of the states the model gives NaN: the reconstruction is not finite; load the "
                "model and the dictionary in float32"
            )
    return found


class _Running:
    """Passes over the same tokens, in which blocks below what is replaced need not run again."""

    def __init__(self, taps: Taps) -> None:
        self.taps, self.model = taps, taps.model
        self._stands_in: dict[int, bool] = {}

    def begin(self, windows: list[Window], row: NDArray[np.int64], position: NDArray[np.int64]) -> torch.Tensor:
        """Log probabilities (N, vocabulary) of the model as it is, at N tokens."""
        self.ids, self.mask = pad([window.ids for window in windows], 0, self.model.device)
        self.rows, self.positions = torch.from_numpy(row), torch.from_numpy(position)
        special = torch.tensor(sorted(self.taps.special), dtype=torch.long, device=self.ids.device)
        self.replaced = self.mask.bool() & ~torch.isin(self.ids, special)
        self.replaced[:, 0] = False
        self.outputs: list[Any] = []
        with self.model.chain.recording(self.model.network, self.outputs):
            self.intact = self._predicted(self.ids)
        return self.intact

    def put(self, one: Replacement) -> torch.Tensor:
        """The same with states replaced."""
        first = min(site.layer - (site.place != "resid") for site in (one.reads, one.writes))
        if first not in self._stands_in:
            self._stands_in[first] = first > 0 and self._agrees(first)
        below = self.outputs[:first] if self._stands_in[first] else []
        with self.model.chain.standing_in(self.model.network, below), self._replacing(one):
            return self._predicted(self.ids)

    def _predicted(self, ids: torch.Tensor) -> torch.Tensor:
        logits = self.model.run(ids, self.mask, self.rows, self.positions)
        return logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)

    def _agrees(self, first: int) -> bool:
        """Whether the first blocks may be left out: not where later ones use what earlier ones kept for them.

        Asked after a pass over other tokens, in which all that might be kept is wrong.
        """
        self._predicted(self.ids.roll(1, -1))
        try:
            with self.model.chain.standing_in(self.model.network, self.outputs[:first]):
                return torch.equal(self._predicted(self.ids), self.intact)
        except Exception:  # foreign code misses what the blocks left out would have made
            return False

    @contextmanager
    def _replacing(self, one: Replacement) -> Iterator[None]:
        heard: dict[Site, torch.Tensor] = {}

        def change(state: torch.Tensor) -> None:
            where = self.replaced.to(state.device)
            given = one.given(heard.pop(one.reads)[where] if one.reads != one.writes else state[where])
            if given.shape != state[where].shape:
                raise DepthscopeError(
                    f"{one.writes} has states of {state.shape[-1]} features, and what is put there {given.shape[-1]}: the "
                    "dictionary belongs to another model"
                )
            state[where] = given.to(state)

        with ExitStack() as stack:
            if one.reads != one.writes:
                stack.enter_context(
                    self.taps.listening(lambda site, state: heard.update({site: state}) if site == one.reads else None)
                )
            stack.enter_context(self.taps.editing(one.writes, change))
            yield


def _predictions(
    taps: Taps, windows: list[Window], most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], torch.Tensor]:
    """Row, position and next token of predictions: of a measured token, from a replaced state; ``most`` of them, evenly."""
    rows, positions, wanted = [], [], []
    for i, window in enumerate(windows):
        after = taps.measured(window)
        after = after[after > 1]
        before = after - 1
        kept = ~np.isin(window.ids[before], sorted(taps.special))
        rows.append(np.full(int(kept.sum()), i))
        positions.append(before[kept])
        wanted.append(window.ids[after[kept]])
    row, position, token = np.concatenate(rows), np.concatenate(positions), np.concatenate(wanted)
    if len(row) > most:
        some = np.linspace(0, len(row) - 1, most).round().astype(np.int64)
        row, position, token = row[some], position[some], token[some]
    return row, position, torch.from_numpy(token)


def _missed(log: torch.Tensor, wanted: torch.Tensor) -> Float:
    """Cross-entropy of the wanted tokens (N,) in nats, from log probabilities (N, vocabulary)."""
    found: Float = -log.gather(-1, wanted[:, None].to(log.device))[:, 0].double().cpu().numpy()
    return found


def _divergence(intact: torch.Tensor, put: torch.Tensor) -> Float:
    """KL(intact || put) of N predictions in nats, from log probabilities (N, vocabulary)."""
    found = []
    for log, other in zip(torch.split(intact, ROWS), torch.split(put, ROWS), strict=True):
        # what has no chance at all adds nothing
        terms = torch.where(log > -torch.inf, log.exp() * (log - other), 0.0)
        found.append(terms.sum(-1, dtype=torch.float64))
    return torch.cat(found).cpu().numpy()


def _constant(site: Site, state: torch.Tensor | None) -> Replacement:
    """Zeros, or one state, whatever the states are."""
    return Replacement(
        site, site, lambda states: torch.zeros_like(states) if state is None else state.to(states).expand_as(states)
    )


def _means(taps: Taps, sites: set[Site], windows: Sequence[Window]) -> dict[Site, torch.Tensor]:
    """The mean state of each site over windows."""
    if not sites:
        return {}
    sums: dict[Site, torch.Tensor] = {}
    count = 0
    for read in Taps(taps.model, sorted(sites)).read(windows):
        for site, states in read.states.items():
            total = states.double().sum(0)
            sums[site] = sums[site] + total if site in sums else total
        count += len(read.ids)
    if not count:
        raise DepthscopeError("no token to put anything in the place of: give a longer text")
    return {site: total / count for site, total in sums.items()}

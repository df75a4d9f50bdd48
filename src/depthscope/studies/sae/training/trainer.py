"""Several dictionaries trained at once, from one feed of states."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from depthscope.capture.sites import Site
from depthscope.errors import DepthscopeError, listed
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.training import sharded
from depthscope.studies.sae.training.beginning import SAMPLE
from depthscope.studies.sae.training.learner import Learner
from depthscope.studies.sae.training.plan import Plan
from depthscope.training import checkpoint
from depthscope.training.checkpoint import State
from depthscope.training.loop import Keeping, Point, train
from depthscope.training.ranks import ALONE, Ranks

States = Mapping[Site, torch.Tensor]


class Feed(Protocol):
    """States of tokens, at several sites at once."""

    @property
    def steps(self) -> int:
        """Batches in all."""

    def batches(self, start: int = 0) -> Iterator[States]:
        """Batch ``start`` and all after it, (B, d) by site; the same whenever they are asked for. Of several ranks, the rows of
        this one.
        """

    def sample(self, count: int) -> States:
        """States of ``count`` tokens, or as many as there are: of which the beginning is made.

        Of several ranks, those that another one has are 0.
        """


class Trainer:
    """Dictionaries that are trained side by side; each of them as if it were alone.

    Parameters
    ----------
    plans : sequence of Plan
        One or more, no two of one name.
    feed : Feed
    dtype : torch.dtype
        Of parameters and steps.
    device : str or torch.device, optional
        By default where the states are.
    ranks : Ranks
        Of several processes that share each batch.
    product : torch.dtype, optional
        Of the numbers in which states and encoder are multiplied: bfloat16 on a device that is quicker in it. Parameters, sums
        and gradients stay in ``dtype``.
    shards : int
        Processes in a row that share the latents of each dictionary: see :mod:`depthscope.studies.sae.training.sharded`. By
        default each process has all of them.

    Attributes
    ----------
    learners : dict of str to Learner
        By the name of the plan, once training has begun.
    curve : list of Point
        What the steps told, once :meth:`train` is done.

    Raises
    ------
    DepthscopeError
        No plan, or two of one name.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        feed: Feed,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device | None = None,
        ranks: Ranks = ALONE,
        product: torch.dtype | None = None,
        shards: int = 1,
    ) -> None:
        names = [plan.name for plan in plans]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not plans or twice:
            raise DepthscopeError(
                f"{listed(twice)}: asked for twice; leave one out"
                if twice
                else "no dictionary is asked for; give one or more"
            )
        self.plans, self.feed, self.dtype, self.device = tuple(plans), feed, dtype, device
        self.ranks, self.product = ranks, product
        for plan in plans:
            sharded.check(plan, shards)
        # those who read the same states, and those who have the same latents
        self.shards, self.replicas = ranks.split(shards)
        self.learners: dict[str, Learner] = {}
        self.curve: list[Point] = []

    def train(
        self,
        *,
        path: Path | None = None,
        seconds: float = 300.0,
        every: int | None = None,
        settings: Mapping[str, Any] = {},
        shown: bool = True,
        origin: Callable[[Plan], Origin] | None = None,
    ) -> list[Dictionary]:
        """Train to the end of the feed, from the checkpoint if there is one.

        Parameters
        ----------
        path : Path, optional
            Of a checkpoint: killed at any step and called again, training ends with the same bits (on the same machine, with
            the same number of threads). Removed by nobody.
        seconds : float
        every : int, optional
            How often it is written: seconds, or steps in their place.
        settings : dict
            Of the feed, in what JSON knows: with others, and with other plans, the checkpoint is refused.
        shown : bool
            Loss, dead share and the time left, on a terminal.
        origin : callable, optional
            What a finished dictionary says of itself, from its plan.

        Returns
        -------
        list of Dictionary
            In the order of the plans: see :meth:`finished`.
        """
        asked = {plan.name: plan.settings for plan in self.plans}
        shards = {"shards": self.shards.count} if self.shards.count > 1 else {}
        here = {"dtype": str(self.dtype), "product": str(self.product), **shards}
        keeping = Keeping(path, seconds, every, {**here, **settings, **asked}, self.shards.count)
        self.curve = train(
            self, self.feed.batches, self.feed.steps, keeping=keeping, told=_told, shown=shown, ranks=self.ranks
        )
        return self.finished(origin)

    def begin(self) -> None:
        """Make the first parameters from a sample of the feed; every rank from the whole of it, in the same order."""
        # each state is with one rank, and 0 with the others: their sum is all of them, to the bit
        sample = {site: self.ranks.sum_(states) for site, states in self.feed.sample(SAMPLE).items()}
        self.learners = {
            plan.name: Learner.begun(
                plan, *self._states(plan, sample, "the sample"), self.replicas, self.product, self.shards
            )
            for plan in self.plans
        }

    def step(self, batch: States, number: int, steps: int) -> dict[str, dict[str, float]]:
        """One step of every dictionary; what each tells, by the name of its plan: loss, normalised MSE, explained variance, L0,
        dead share, norm of the gradient, and further terms of the loss.

        Raises
        ------
        DepthscopeError
            States that are not finite, or of another width than before; the dictionaries are then as before the step.
        """
        told = f"step {number + 1}"
        if self.shards.count > 1:
            # each has run the model on its share of the text; what they learn from is the states of all
            sites = dict.fromkeys(site for plan in self.plans for site in (plan.site, plan.target) if site in batch)
            batch = {site: self.shards.gathered(batch[site]) for site in sites if site}
        held = {plan.name: self._states(plan, batch, told) for plan in self.plans}
        checked: set[Site] = set()
        for plan in self.plans:
            for site in filter(None, (plan.site, plan.target)):
                if site not in checked and not bool(torch.isfinite(batch[site]).all()):
                    raise DepthscopeError(
                        f"{told}: NaN or infinity in the states of {site}; load the model in a wider precision (dtype "
                        "float32), or leave the text out"
                    )
                checked.add(site)
        states = next(iter(held.values()))[0]
        tokens = int(self.replicas.sum_(torch.tensor(len(states), device=states.device)))
        if not tokens:
            raise DepthscopeError(f"{told}: a batch without tokens; give a longer corpus")
        return {name: learner.step(*held[name], tokens, number, steps) for name, learner in self.learners.items()}

    def finished(self, origin: Callable[[Plan], Origin] | None = None) -> list[Dictionary]:
        """The dictionaries as they are now, in the order of the plans, for states as they come from the model: what was done to
        the input in training is in their biases, and directions of the decoder have length 1.
        """
        made = origin or (lambda plan: Origin(site=plan.site, target=plan.target))
        return [self.learners[plan.name].finished(made(plan)) for plan in self.plans]

    def state(self) -> State:
        return checkpoint.together({name: learner.state() for name, learner in self.learners.items()})

    def restore(self, state: State) -> None:
        like = torch.empty(0, dtype=self.dtype, device=self.device or _device(state))
        self.learners = {
            plan.name: Learner.restored(plan, state.of(plan.name), like, self.replicas, self.product, self.shards)
            for plan in self.plans
        }

    def _states(self, plan: Plan, batch: States, told: str) -> tuple[torch.Tensor, torch.Tensor]:
        """What a dictionary reads and is to give back, (N, d); the same tensor twice in an autoencoder."""
        found = []
        for site in (plan.site, plan.target or plan.site):
            if site not in batch:
                raise DepthscopeError(f"{told} has no states of {site}, but of {listed(batch)}: ask the feed for them")
            found.append(batch[site])
        learner = self.learners.get(plan.name)
        widths = {found[0].shape[-1], found[1].shape[-1], *([learner.dictionary.width] if learner else [])}
        if len(widths) > 1:
            raise DepthscopeError(
                f"{told}: {plan.name} meets states of {listed(sorted(widths))} features; input, target and dictionary must "
                "have the same width: choose other sites"
            )
        if len(found[0]) != len(found[1]):
            raise DepthscopeError(
                f"{told}: {len(found[0])} states of {plan.site}, and {len(found[1])} of {plan.target}; give the same tokens of "
                "both"
            )
        read = found[0].to(device=self.device, dtype=self.dtype)
        return read, read if plan.target is None else found[1].to(device=self.device, dtype=self.dtype)


def _told(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """Loss and dead share, of several dictionaries the worst."""
    loss, dead = (max(one[name] for one in metrics.values()) for name in ("loss", "dead share"))
    return f"loss {loss:.3f}, dead {dead:.1%}"


def _device(state: State) -> torch.device:
    return next(iter(state.tensors.values())).device

"""One dictionary in training: its parameters, their optimiser, and what is known of its latents."""

import math
from dataclasses import dataclass
from typing import Any

import torch

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.forward import Forward
from depthscope.studies.sae.kernels import shorten_, take_off_
from depthscope.studies.sae.sparse import Sparse
from depthscope.studies.sae.training import sharded
from depthscope.studies.sae.training.beginning import Units, blank, first, units
from depthscope.studies.sae.training.plan import Plan
from depthscope.training import checkpoint
from depthscope.training.checkpoint import State
from depthscope.training.ranks import ALONE, Ranks


@dataclass
class Learner:
    """A dictionary under way; its parameters are in the units of the training until it is finished.

    Attributes
    ----------
    plan : Plan
    dictionary : Dictionary
    units : Units
    ranks : Ranks
    product : torch.dtype, optional
        See :class:`depthscope.studies.sae.forward.Forward`.
    shards : Ranks
        The processes that share the latents, of which the dictionary has those of this one.
    since : int Tensor (n,)
        Tokens since each latent fired.
    """

    plan: Plan
    dictionary: Dictionary
    units: Units
    ranks: Ranks = ALONE
    product: torch.dtype | None = None
    shards: Ranks = ALONE

    def __post_init__(self) -> None:
        recipe = self.plan.recipe
        self.parameters = dict(self.dictionary.named_parameters())
        # what an activation keeps up by itself, without a gradient, is passed over by the optimiser
        self.optimizer = torch.optim.Adam(
            self.parameters.values(),
            betas=recipe.betas,
            eps=recipe.epsilon,
            lr=recipe.learning_rate(self.plan.latents),
            fused=True,
        )
        self.since = torch.zeros(self.dictionary.latents, dtype=torch.int64, device=self.dictionary.bias.device)
        self.average: dict[str, torch.Tensor] = {}
        if recipe.average is not None:
            self.average = {name: torch.zeros_like(value) for name, value in self.parameters.items()}
        self.done = 0

    @classmethod
    def begun(
        cls,
        plan: Plan,
        states: torch.Tensor,
        target: torch.Tensor,
        ranks: Ranks = ALONE,
        product: torch.dtype | None = None,
        shards: Ranks = ALONE,
    ) -> "Learner":
        """From a sample (N, d) of what is read and of the target; the same tensor twice in an autoencoder."""
        found = units(plan.recipe.normalization, states, target, str(plan.site))
        return cls(plan, first(plan, *found.inside(states, target), shards), found, ranks, product, shards)

    def step(
        self, states: torch.Tensor, target: torch.Tensor, tokens: int, number: int, steps: int
    ) -> dict[str, float]:
        """One step of gradient descent on states and targets (N, d), of ``tokens`` over all ranks.

        Raises
        ------
        DepthscopeError
            A loss that is not finite; the parameters are then as before.
        """
        plan, dictionary, recipe = self.plan, self.dictionary, self.plan.recipe
        states, target = self.units.inside(states, target)
        forward = sharded.forward(self.shards)(
            dictionary,
            states,
            target,
            tokens,
            self.units.variance,
            self.since,
            recipe,
            number,
            steps,
            self.ranks,
            self.product,
        )
        code = plan.activation.learns(forward)
        forward.fired(code)
        given = forward.decoded(code)
        terms = plan.activation.loss(forward, code, given)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        told = self._told(forward, code, given, terms)
        if not math.isfinite(told["loss"]):
            raise DepthscopeError(
                f"{plan.name}: the loss of step {number + 1} is {told['loss']}, and nothing more can be learnt; give a smaller "
                "rate, or begin with a warm-up"
            )
        told["gradient norm"] = self._descend(number, steps)
        return told

    def _descend(self, number: int, steps: int) -> float:
        recipe = self.plan.recipe
        directions = self.dictionary.decoder
        slopes = {name: value.grad for name, value in self.parameters.items() if value.grad is not None}
        gradients = list(slopes.values())
        with torch.no_grad():
            for gradient in gradients:
                self.ranks.sum_(gradient)
            if directions.grad is not None:
                # what would only change the length of a direction: Bricken et al. (2023), Gao et al. appendix A.1
                take_off_(directions.grad, directions)
            norm = sharded.length(slopes, self.shards)
            if recipe.clip is not None:
                torch._foreach_mul_(gradients, recipe.clip / norm.clamp(min=recipe.clip))
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.learning_rate(self.plan.latents) * recipe.schedule.factor(number, steps)
            self.optimizer.step()
            shorten_(directions)
            self.done += 1
            for name, value in self.average.items():
                value.lerp_(self.parameters[name], 1 - (recipe.average or 0))
        return float(norm)

    def _told(
        self, forward: Forward, code: Sparse | torch.Tensor, given: torch.Tensor, terms: dict[str, torch.Tensor]
    ) -> dict[str, float]:
        """What a step says of itself: sums over ranks, so that each of them says the same."""
        with torch.no_grad():
            tokens, target = forward.tokens, forward.target
            active = self.shards.sum_((code.active if isinstance(code, Sparse) else (code != 0).sum(-1)).sum())
            total = self.ranks.sum_(target.sum(0)) / tokens
            sums = torch.stack([*terms.values(), forward.error(given), active / tokens, target.square().sum() / tokens])
            *values, error, active_mean, squares = self.ranks.sum_(sums.double()).tolist()
            variance = (squares - float(total.double().square().sum())) / target.shape[1]
            dead = float(self.shards.sum_(forward.dead.double().sum())) / self.plan.latents
        named = dict(zip(terms, values, strict=True))
        return {
            "loss": sum(values),
            "normalised MSE": error,
            # of this batch, in units of its own variance
            "explained variance": 1 - error * forward.variance / variance if variance > 0 else math.nan,
            "L0": active_mean,
            "dead share": dead,
            **{name: value for name, value in named.items() if name != "error"},
        }

    def finished(self, origin: Origin) -> Dictionary:
        """The dictionary for states as they are, whatever it was trained in; a copy, with the latents of all shards."""
        recipe, read, written = self.plan.recipe, self.units.read, self.units.written
        held = {name: value.detach().clone() for name, value in self.parameters.items()}
        if recipe.average is not None and self.done:
            # from 0 on, the average is too small by what is left of the beginning
            held = {name: value / (1 - recipe.average**self.done) for name, value in self.average.items()}
            held["decoder"] = torch.nn.functional.normalize(held["decoder"], dim=1)
        held = sharded.whole(held, self.shards)
        own = {name.removeprefix("own."): value for name, value in held.items() if name.startswith("own.")}
        output_bias, skip = held.get("output_bias"), held.get("skip")
        return Dictionary(
            held["encoder"] * (read / written),
            held["latent_bias"] / written,
            held["decoder"],
            held["bias"] / read,
            self.plan.activation,
            self.plan.activation.finished(own, 1 / written),
            output_bias=None if output_bias is None else output_bias / written,
            skip=None if skip is None else skip * (read / written),
            normalization="layer" if recipe.normalization == "layer" else "none",
            origin=origin,
        )

    def state(self) -> State:
        tensors = {**self.parameters, "since": self.since}
        tensors |= {f"average/{name}": value for name, value in self.average.items()}
        facts = {"units": vars(self.units), "done": self.done}
        return checkpoint.together(
            {"learner": State(tensors, facts), "optimizer": checkpoint.optimizer_state(self.optimizer)}
        )

    @classmethod
    def restored(
        cls,
        plan: Plan,
        state: State,
        like: torch.Tensor,
        ranks: Ranks = ALONE,
        product: torch.dtype | None = None,
        shards: Ranks = ALONE,
    ) -> "Learner":
        """What :meth:`state` took, on the device and in the precision of ``like``."""
        held = state.of("learner")
        width = len(held.tensors.get("bias", like))
        learner = cls(plan, blank(plan, width, like, shards), Units(**held.facts["units"]), ranks, product, shards)
        targets: dict[str, Any] = {**learner.parameters, "since": learner.since}
        checkpoint.restore(targets | {f"average/{name}": value for name, value in learner.average.items()}, held)
        checkpoint.restore_optimizer(learner.optimizer, state.of("optimizer"))
        learner.done = held.facts["done"]
        return learner

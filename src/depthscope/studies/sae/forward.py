"""One dictionary at one batch, in training: what an activation and its loss are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.kernels import CELLS, CELLS_ELSEWHERE, decode, largest, selected
from depthscope.studies.sae.sparse import Sparse
from depthscope.studies.sae.training.recipe import Recipe
from depthscope.training.ranks import ALONE, Ranks

Choose = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


@dataclass
class Forward:
    """States of a batch, the parameters as they are, and what is known of the latents.

    Every mean over tokens is one over those of all ranks: a rank adds up its own, divided by the number of all. So the sums
    over ranks of a loss, and of its gradient, are those of one process.

    Attributes
    ----------
    dictionary : Dictionary
        In the units of the training.
    states, target : Tensor (N, d)
        What is read, and what is to be given back: the same in an autoencoder.
    tokens : int
        In the batch, over all ranks.
    variance : float
        Mean over tokens and features of the squared distance of the target from its mean, in a sample: the error is measured
        in it.
    since : int Tensor (n,)
        Tokens since each latent fired.
    recipe : Recipe
    step, steps : int
        Which step of how many.
    ranks : Ranks
    product : torch.dtype, optional
        Of the numbers in which states and encoder are multiplied where latents are chosen; by default those of the parameters.
    notes : dict of str to Tensor
        What an activation writes down for its loss.
    """

    dictionary: Dictionary
    states: torch.Tensor
    target: torch.Tensor
    tokens: int
    variance: float
    since: torch.Tensor
    recipe: Recipe
    step: int = 0
    steps: int = 1
    ranks: Ranks = ALONE
    product: torch.dtype | None = None
    notes: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def own(self) -> dict[str, torch.Tensor]:
        """Parameters of the activation."""
        return dict(self.dictionary.own.items())

    @property
    def output_bias(self) -> torch.Tensor:
        """What the decoder adds, (d,)."""
        dictionary = self.dictionary
        return dictionary.bias if dictionary.output_bias is None else dictionary.output_bias

    @property
    def read_bias(self) -> torch.Tensor:
        """What is taken off the states before they are encoded, (d,), with its gradient."""
        return self.dictionary.bias

    def before(self, biased: bool = True) -> torch.Tensor:
        """All pre-activations (N, n), with their gradient: for activations in which most latents may fire.

        ``biased``: with the bias of the latents, which not every activation has.
        """
        dictionary = self.dictionary
        inside = self.states - dictionary.bias
        return torch.nn.functional.linear(inside, dictionary.encoder, dictionary.latent_bias if biased else None)

    def rising(self, share: float) -> float:
        """From 0 to 1 in a line over a share of the steps, then 1: how penalties of sparsity are let in."""
        return 1.0 if share == 0 else min(1.0, self.step / (share * self.steps))

    def per_token(self, sums: torch.Tensor) -> torch.Tensor:
        """The mean over tokens of what each adds up to, (N,) or its sum, in the units of :meth:`error`, where squared distances
        are divided by features and variance: so a penalty keeps the weight beside the squared error that it is published with.
        """
        return sums.sum() / (self.tokens * self.target.shape[1] * self.variance)

    def looked_at(self, choose: Choose, rows: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Pre-activations and indices that are chosen at each state, (N, K), without a gradient.

        Parameters
        ----------
        choose : callable
            From pre-activations (M, n) of some of the states to values and indices (M, K); called for a few states at a time,
            whose pre-activations are forgotten at once.
        rows : int Tensor (M,), optional
            Of these states alone.
        """
        return self._some(self.dictionary.encoder, self.dictionary.latent_bias, choose, rows)

    def topk(self, k: int, among: torch.Tensor | None = None) -> Sparse:
        """The k largest pre-activations of each state, with their gradient, as far as they are above 0: at 0 and below nothing
        fires, and nothing is learnt.

        ``among``: of these latents alone, (m,).
        """
        found = self.learning(*self.best(k, among))
        return found._replace(values=found.values.relu())

    def best(self, k: int, among: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Values and indices (N, k) of the largest pre-activations, without a gradient: see :meth:`topk`."""
        if among is None:
            return self.looked_at(lambda before: largest(before, k))
        encoder, latent_bias = self.dictionary.encoder.detach()[among], self.dictionary.latent_bias.detach()[among]
        values, indices = self._some(encoder, latent_bias, lambda before: largest(before, k))
        return values, among[indices]

    def learning(self, values: torch.Tensor, indices: torch.Tensor) -> Sparse:
        """Pre-activations (N, K) that were looked at, with their gradient."""
        dictionary = self.dictionary
        found = selected(values, indices, self.states, self.read_bias, dictionary.encoder, dictionary.latent_bias)
        return Sparse(found, indices, dictionary.latents)

    def decoded(self, code: Sparse | torch.Tensor, learning: bool = True) -> torch.Tensor:
        """What a code stands for (N, d), biases and all; with ``learning=False`` the decoder gets no gradient."""
        decoder = self.dictionary.decoder if learning else self.dictionary.decoder.detach()
        beside = self.beside() if learning else self.beside().detach()
        return self.written(code, decoder) + beside

    def written(self, code: Sparse | torch.Tensor, decoder: torch.Tensor) -> torch.Tensor:
        """What the latents of a code write, (N, d)."""
        return decode(code, decoder) if isinstance(code, Sparse) else code @ decoder

    def over_shards(self, count: int) -> int:
        """What is counted of the latents here, over all latents: see :mod:`depthscope.studies.sae.training.sharded`."""
        return count

    def beside(self) -> torch.Tensor:
        """What is given back where nothing fires, (d,) or (N, d)."""
        skip = self.dictionary.skip
        return self.output_bias if skip is None else self.output_bias + self.states @ skip.T

    def error(self, given: torch.Tensor) -> torch.Tensor:
        """Mean squared error over tokens and features, divided by the variance."""
        return self.per_token((given - self.target).square())

    def fired(self, code: Sparse | torch.Tensor) -> None:
        """Note which latents fired: before AuxK asks which are dead, and so that one that fires now is not."""
        at = self.recipe.fires_above
        with torch.no_grad():
            if isinstance(code, Sparse):
                counts = torch.zeros_like(self.since)
                counts.scatter_add_(0, code.indices.reshape(-1), (code.values > at).reshape(-1).to(counts.dtype))
            else:
                counts = (code > at).sum(0).to(self.since.dtype)
            self.ranks.sum_(counts)
            self.since.mul_(counts == 0).add_(self.tokens)

    @property
    def dead(self) -> torch.Tensor:
        """Which latents have not fired for long, bool (n,)."""
        return self.since > self.recipe.dead_after

    def auxk(self, given: torch.Tensor) -> torch.Tensor:
        """What the best of the dead latents make of the error: Gao et al., appendix A.2.

        The k_aux largest pre-activations of dead latents at each token, above 0, are decoded; their mean squared distance from
        what the living ones left over, in units of its variance in the batch, times the coefficient. 0 where there is no
        residual. As in the published code, the decoder's bias is added on both sides, and learns on one: it is drawn towards
        the mean of the residual even if no latent is dead.
        """
        width, recipe = self.target.shape[1], self.recipe
        if recipe.auxk == 0:
            return given.new_zeros(())
        with torch.no_grad():
            residual = self.target - given
            mean = self.ranks.sum_(residual.sum(0)) / self.tokens
            variance = self.ranks.sum_(residual.square().sum()) / self.tokens - mean.square().sum()
            share = torch.where(variance > 0, recipe.auxk / (self.tokens * variance), 0)
        # 0 in value: only a gradient
        bias = self.output_bias - self.output_bias.detach()
        dead = self.dead.nonzero()[:, 0]
        many = self.over_shards(len(dead))
        if not many:
            # the same sum, with nothing decoded, without another (N, d)
            left = residual.square().sum() - 2 * (bias @ residual.sum(0))
            return left * share
        code = self.topk(min(recipe.auxk_latents(width), many), dead)
        return (self.written(code, self.dictionary.decoder) + bias - residual).square().sum() * share

    def _some(
        self, encoder: torch.Tensor, latent_bias: torch.Tensor, choose: Choose, rows: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Chosen pre-activations (N, K) and their indices, without a gradient."""
        found = []
        with torch.no_grad():
            centred = (self.states if rows is None else self.states[rows]) - self.dictionary.bias
            cells = CELLS if centred.device.type == "cpu" else CELLS_ELSEWHERE
            most = max(1, min(cells // len(encoder), len(centred)))
            # narrower numbers, if asked for, only here
            kind = self.product or centred.dtype
            read, wide, bias = centred.to(kind), encoder.to(kind).T, latent_bias.to(kind)
            held = read.new_empty((most, len(encoder)))
            for some in torch.split(read, most):
                # into the same memory again: what a batch takes does not grow with it, and is not asked for anew
                found.append(choose(torch.addmm(bias, some, wide, out=held[: len(some)])))
        values, indices = zip(*found, strict=True)
        return torch.cat(values).to(centred.dtype), torch.cat(indices)

"""Training a sparse autoencoder beside its peers: ``python -m benchmarks.sae``, a few minutes on two cores.

All sides take the same states in the same batches, on the processor, in float32: our own trainer by the published recipe; the
TopK trainer of sae-lens; a step as the trainer of sparsify takes it (forward, backward, projection, ``torch.optim.Adam``); and
the product of states and encoder alone, below which no step can be. Steps are taken in turns, so that a busy machine is so for
all; time is that of the processor, over all threads. ``--learning`` compares what is learnt from the same tokens.
"""

import argparse
import contextlib
import io
import logging
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from statistics import median

import torch

from benchmarks.measure import HEADER, Row, processor
from depthscope.capture.sites import Site
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.training.plan import Plan
from depthscope.studies.sae.training.recipe import Recipe
from depthscope.studies.sae.training.trainer import Trainer

WIDTH, K, SITE = 576, 32, Site("resid", 15)
# by the number of latents: how many times faster than sae-lens, than sparsify; and the least share of the bound
GOALS = {4096: (2.4, 1.3, 0.0), 16384: (4.5, 1.3, 0.5)}
PLANTED, HELD = 2048, 4096
# of what is learnt: of these the best, and by how much the two may differ from one seed to another
RATES, NOISE = (8e-4, 2.4e-3, 7e-3), 0.01
Step = Callable[[torch.Tensor], object]


class States:
    """States as a network has them: directions that occur with frequencies of a power law, in a spectrum of one, off centre."""

    def __init__(self, width: int = WIDTH, seed: int = 0) -> None:
        self.random = torch.Generator().manual_seed(seed)
        spectrum = torch.arange(1, width + 1) ** -0.4
        turned = torch.linalg.qr(self._normal(width, width))[0] * spectrum
        self.directions = torch.nn.functional.normalize(self._normal(PLANTED, width) @ turned, dim=1)
        self.often = (6 / torch.arange(1, PLANTED + 1)).clamp(max=0.5)
        self.noise = 0.3 * turned
        self.middle = 3 * self._normal(width) / width**0.5

    def drawn(self, count: int) -> torch.Tensor:
        """(count, d)."""
        parts = []
        for start in range(0, count, 1024):
            rows = min(1024, count - start)
            there = torch.rand(rows, PLANTED, generator=self.random) < self.often
            sizes = there * (0.3 - torch.rand(rows, PLANTED, generator=self.random).clamp(min=1e-6).log())
            parts.append(sizes @ self.directions + self._normal(rows, len(self.noise)) @ self.noise + self.middle)
        return torch.cat(parts) * 10

    def _normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.random)


class Held:
    """A feed of states that are there already, again and again."""

    def __init__(self, states: torch.Tensor, batch: int, steps: int) -> None:
        self.held, self.batch, self.steps, self.width = states, batch, steps, states.shape[1]

    def batches(self, start: int = 0) -> Iterator[dict[Site, torch.Tensor]]:
        for number in range(start, self.steps):
            yield {SITE: self.at(number)}

    def at(self, number: int) -> torch.Tensor:
        first = number * self.batch % (len(self.held) - self.batch + 1)
        return self.held[first : first + self.batch]

    def sample(self, count: int) -> dict[Site, torch.Tensor]:
        return {SITE: self.held[:count]}


def ours(feed: Held, latents: int, rate: float | None, k: int = K) -> tuple[Step, Callable[[], Dictionary]]:
    plan = Plan(SITE, latents, TopK(k), recipe=Recipe(rate=rate))
    trainer = Trainer([plan], feed)
    trainer.begin()
    return lambda states: trainer.step({SITE: states}, 0, feed.steps), lambda: trainer.finished()[0]


def sae_lens(feed: Held, latents: int, rate: float | None, k: int = K) -> tuple[Step, Step]:
    """Its trainer as it stands, with its default of a scaled input."""
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.training.sae_trainer import SAETrainer

    cfg = TopKTrainingSAEConfig(
        d_in=feed.width, d_sae=latents, k=k, apply_b_dec_to_input=True, normalize_activations="expected_average_only_in"
    )
    sae = TopKTrainingSAE(cfg)
    settings = SAETrainerConfig(
        total_training_samples=feed.steps * feed.batch,
        train_batch_size_samples=feed.batch,
        lr=rate or 3e-4,
        lr_end=rate or 3e-4,
        logger=LoggingConfig(log_to_wandb=False),
        n_batches_for_norm_estimate=4,
    )
    data = (states[SITE] for states in Held(feed.held, feed.batch, 10**9).batches())
    trainer = SAETrainer(settings, sae, data)
    scaler = trainer.activation_scaler
    with contextlib.redirect_stderr(io.StringIO()):  # a bar
        scaler.estimate_scaling_factor(d_in=feed.width, data_provider=data, n_batches_for_norm_estimate=4)

    def given(states: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return scaler.unscale(sae(scaler(states)))

    return trainer.step, given


def sparsify(feed: Held, latents: int, rate: float | None, k: int = K) -> tuple[Step, Step]:
    """What its trainer does in a step, with Adam."""
    with contextlib.redirect_stdout(io.StringIO()):
        from sparsify.config import SparseCoderConfig
        from sparsify.sparse_coder import SparseCoder
    sae = SparseCoder(feed.width, SparseCoderConfig(num_latents=latents, k=k))
    sae.b_dec.data = feed.at(0).mean(0)
    optimizer = torch.optim.Adam(sae.parameters(), lr=rate or 2e-4 / (latents / 2**14) ** 0.5)
    fired = torch.zeros(latents, dtype=torch.bool)
    since = torch.zeros(latents, dtype=torch.long)

    def step(states: torch.Tensor) -> None:
        sae.set_decoder_norm_to_unit_norm()
        out = sae(x=states, dead_mask=since > 10_000_000)
        fired[out.latent_indices.flatten()] = True
        float(out.fvu.detach())
        (out.fvu + out.auxk_loss / 32).backward()
        sae.remove_gradient_parallel_to_decoder_directions()
        optimizer.step()
        optimizer.zero_grad()
        since.add_(len(states))
        since[fired] = 0
        fired.zero_()

    def given(states: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            out: torch.Tensor = sae(states).sae_out
            return out

    return step, given


def bound(feed: Held, latents: int) -> Step:
    """The product of states and encoder."""
    encoder, bias = torch.randn(latents, feed.width), torch.zeros(latents)
    return lambda states: torch.nn.functional.linear(states, encoder, bias)


def timed(feed: Held, latents: int, rounds: int) -> dict[str, float]:
    """Median seconds of the processor for a step of each."""
    steps: dict[str, Step] = {
        "ours": ours(feed, latents, None)[0],
        "sae-lens": sae_lens(feed, latents, None)[0],
        "sparsify": sparsify(feed, latents, None)[0],
        "bound": bound(feed, latents),
    }
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        states = feed.at(number)
        for name, step in steps.items():
            start = time.process_time()
            step(states)
            taken[name].append(time.process_time() - start)
    # a first step makes what later ones have
    return {name: median(times[1:]) for name, times in taken.items()}


def rows(states: torch.Tensor, latents: int, batch: int, rounds: int) -> list[Row]:
    taken = timed(Held(states, batch, 10**6), latents, rounds)
    speed = {name: f"{batch / seconds:,.0f} tokens/s" for name, seconds in taken.items()}
    work = f"a step of a TopK dictionary, n {latents:,}, batch {batch:,}"
    found = []
    for name, goal in zip(("sae-lens", "sparsify", "bound"), GOALS.get(latents, (0.0, 0.0, 0.0)), strict=True):
        ratio = taken[name] / taken["ours"]
        told = "the encoder's product alone" if name == "bound" else f"{name} {metadata.version(PACKAGES[name])}"
        found.append(Row(work, told, speed["ours"], speed[name], ratio, f">= {goal:g}" if goal else "", ratio >= goal))
    return found


PACKAGES = {"sae-lens": "sae-lens", "sparsify": "eai-sparsify"}


def learnt(
    states: torch.Tensor, latents: int, batch: int, steps: int, k: int = K, rates: tuple[float, ...] = RATES
) -> Row:
    """Explained variance on states that nobody has seen, after the same tokens, each side at the best of the same rates."""
    held, feed = states[:HELD], Held(states[HELD:], batch, steps)
    total = (held - held.mean(0)).square().sum()
    shares: list[list[float]] = [[], []]
    for rate in rates:
        step, finished = ours(feed, latents, rate, k)
        theirs, given = sae_lens(feed, latents, rate, k)
        for number in range(steps):
            step(feed.at(number))
            theirs(feed.at(number))
        with torch.no_grad():
            for found, out in zip(shares, (finished().reconstruct(held), given(held)), strict=True):
                found.append(float(1 - (out - held).square().sum() / total))
    best = [max(found) for found in shares]
    work = f"explained variance after {steps * batch:,} tokens, n {latents:,}"
    told = [f"{max(found):.3f} (rate {rates[found.index(max(found))]:g})" for found in shares]
    return Row(work, "sae-lens", *told, best[0] / best[1], f">= {1 - NOISE:g}", best[0] >= (1 - NOISE) * best[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latents", type=int, nargs="+", default=list(GOALS))
    parser.add_argument("--batch", type=int, nargs="+", default=[4096, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--learning", action="store_true", help="compare what is learnt, not the time")
    parser.add_argument("--steps", type=int, default=150, help="of what is learnt")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    logging.disable(logging.WARNING)
    print(f"{processor()}, {asked.threads} threads; torch {torch.__version__}\n\n{HEADER}")
    states = States().drawn(2**15)
    for latents in asked.latents:
        for batch in asked.batch:
            if asked.learning:
                print(learnt(states, latents, batch, asked.steps).markdown(), flush=True)
                continue
            for row in rows(states, latents, batch, asked.rounds):
                print(row.markdown(), flush=True)


if __name__ == "__main__":
    main()

"""Our own question of some dictionaries: settings in, a finished run folder out."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
import xarray as xr

from depthscope.arrays import Float
from depthscope.capture.sites import Site, read_site
from depthscope.capture.tokens import tokenize
from depthscope.errors import DepthscopeError, check_count, listed
from depthscope.instrument.cse import cse
from depthscope.model.fingerprint import fingerprint
from depthscope.model.load import load_text
from depthscope.model.model import Model
from depthscope.model.untrained import untrained
from depthscope.run.begin import Begun, begin
from depthscope.run.result import FinishedRun
from depthscope.statistics.contrast import contrast
from depthscope.statistics.result import Contrast
from depthscope.statistics.terms import Terms, parse_terms
from depthscope.stimuli.read import Source, read_stimuli
from depthscope.store.shards import Shards
from depthscope.store.tables import write_csv
from depthscope.studies.contrast.floor import noise_floor
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.given import other_weights
from depthscope.studies.sae.page import LAYOUT
from depthscope.studies.sae.question.ablation import Ablation, ablation, plan_ablation
from depthscope.studies.sae.question.copies import copied_cse
from depthscope.studies.sae.question.depth import place
from depthscope.studies.sae.question.figures import draw_profile, write_figures
from depthscope.studies.sae.question.pairs import Mask, Pairs, pairs_of
from depthscope.studies.sae.question.results import Asked, Question
from depthscope.studies.sae.question.selective import (
    Controls,
    Selectivity,
    random_selectivity,
    selectivity,
)
from depthscope.studies.sae.question.words import answer, title, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONTRAST = "metaphor-literal"
# dictionaries of random directions, and flips of signs for each of them
RANDOM, FLIPS = 19, 200
# sets of other directions, for the depth of latents: they need no pass of the model
SETS = 199


@dataclass(frozen=True, eq=False)
class QuestionRun(FinishedRun):
    """A finished run: where it is, and what it found."""

    folder: Path
    found: Question
    timings: dict[str, float]

    @property
    def told(self) -> list[str]:
        """The run for a terminal: the answer first."""
        record = self.record
        lines = [*record.answer, "", *(line for part in words(self.found).values() for line in part)]
        return [*(line.replace("**", "") for line in lines), *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw where the directions of the latents are written; returns the matplotlib axes of the first dictionary."""
        return draw_profile(self.found, self.record.title)[0]


def run_question(
    dictionaries: Mapping[str, Dictionary],
    model: str | Model,
    out: Path,
    *,
    stimuli: Source = "builtin",
    contrast_of: str = CONTRAST,
    control: Mapping[str, Dictionary] | None = None,
    control_seed: int = 0,
    draws: int = 19,
    permutations: int = 2000,
    seed: int = 0,
    load: Mapping[str, Any] | None = None,
    threads: int | None = None,
    token_budget: int | None = None,
    command: str = "",
    progress: bool = True,
) -> QuestionRun:
    """Ask whether latents that fire on metaphorical targets sit where CSE differs, and whether CSE changes without them.

    Parameters
    ----------
    dictionaries : mapping of str to Dictionary
        By name, each of another layer of the stream: ``"layer-15"``, which is read as its site if its files name none.
    model : str or Model
        As for :func:`depthscope.load`.
    out : Path
        The run folder. A run that was killed goes on where it was.
    stimuli, contrast_of
        What is compared: two conditions of a table, ``a-b``.
    control : mapping of str to Dictionary, optional
        Trained in the same way on the same model with random weights, ``untrained(model, control_seed)``; of the same layers.
    draws : int
        How often other latents, and other directions, are taken out instead; each costs a token a text. p is 1 / (draws + 1)
        at least, so that fewer than 19 decide nothing (19, the default, just do).
    permutations, seed : int
        Flips of signs; of these, of halves and of all that is drawn.
    load : mapping, optional
        Keywords of :func:`depthscope.load`.

    Returns
    -------
    QuestionRun
        Tables ``selectivity.csv``, ``selective.csv``, ``depth.csv``, ``profile.csv``, ``effects.csv``, ``ablation.csv``.

    Raises
    ------
    DepthscopeError
        No dictionary, one of no layer of this model, or of two dictionaries the same layer; no two conditions, too few items.
    """
    check_count("draws", draws)
    check_count("seed", seed, 0)
    check_count("permutations", permutations)
    if not dictionaries:
        raise DepthscopeError("no dictionary is given: give a folder that depthscope sae train wrote")
    table = read_stimuli(stimuli)
    terms = parse_terms(contrast_of, list(dict.fromkeys(table["condition"])))
    if len(terms.left) > 1:
        raise DepthscopeError(f"{terms.name}: latents are compared between two conditions: give a contrast like a-b")
    table = table[table["condition"].isin(terms.conditions)].reset_index(drop=True)
    layers = _layers(dictionaries)
    controls = _layers(control or {})
    if strange := sorted(set(controls.values()) - set(layers.values())):
        raise DepthscopeError(f"control: there is no dictionary at layer {listed(strange)} to compare it with")
    asked = {
        "model": model if isinstance(model, str) else model.name,
        "stimuli": stimuli if isinstance(stimuli, str) else "a table",
        "contrast": contrast_of,
        "dictionaries": {name: f"layer {layer}" for name, layer in layers.items()},
        "control": {name: f"layer {layer}" for name, layer in controls.items()},
        "control_seed": control_seed,
        "draws": draws,
        "permutations": permutations,
        "seed": seed,
        "load": {name: str(value) for name, value in (load or {}).items()},
    }
    identity = {"stimuli": hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16]}
    identity |= {name: fingerprint(one) for name, one in dictionaries.items()}
    identity |= {f"control {name}": fingerprint(one) for name, one in (control or {}).items()}

    def ready(loaded: Model) -> dict[str, str]:
        for name, one in dictionaries.items():
            _check_fits(name, one, layers[name], loaded)
        cse(np.eye(loaded.depth))
        return noise_floor(loaded, table, {})

    with begin(
        "sae",
        asked,
        out,
        layout=LAYOUT,
        load=lambda: load_text(model, **(load or {})) if isinstance(model, str) else model,
        ready=ready,
        identity=identity,
        threads=threads,
        token_budget=token_budget,
        command=command,
        progress=progress,
    ) as run:
        work = _Work(run, table, terms, draws, permutations, seed, progress, other_weights(dictionaries, run.model))
        found = work.question(dictionaries, layers, control or {}, controls, control_seed)
        with run.clock("report"):
            for name, frame in found.tables().items():
                write_csv(out / name, frame)
            source = f"{run.model.name}, {asked['stimuli']}"
            write_figures(out / "figures", found, source)
            record = run.record
            record.title, record.answer = title(found, run.model.name), answer(found, run.model.name)
            record.words = {**words(found), "left_out": work.noticed}
            record.results = {
                "found": found.found,
                "at_cluster": found.at_cluster,
                "changes_cse": found.changes_cse,
            }
            run.about["dictionaries"] = ", ".join(map(str, dictionaries.values()))
    return QuestionRun(out, found, run.clock.seconds)


@dataclass(frozen=True)
class _Work:
    """What all steps of one run need; ``noticed``: what is to be said beside the answer."""

    run: Begun[Model]
    table: pd.DataFrame
    terms: Terms
    draws: int
    permutations: int
    seed: int
    progress: bool
    noticed: list[str]

    def question(
        self,
        dictionaries: Mapping[str, Dictionary],
        layers: Mapping[str, int],
        control: Mapping[str, Dictionary],
        controls: Mapping[str, int],
        control_seed: int,
    ) -> Question:
        run, model = self.run, self.run.model
        with run.clock("trace"):
            traced = run.tracer("trajectories", model, self.table, keep="states")
            main = contrast(cse(traced), self.terms, seed=self.seed)
            pairs = pairs_of(traced, main)
            halves = pairs.halves(self.seed)
            states = torch.from_numpy(traced["states"].values)
        others: dict[int, Selectivity] = {}
        if control:
            with run.clock("control"):
                other = self._untrained(control, control_seed)
                for name, one in control.items():
                    others[controls[name]] = self._selectivity(
                        name, controls[name], one, other[:, controls[name]], pairs, halves
                    )
        gaps = np.ascontiguousarray(pairs.differences(states.numpy()).astype(np.float32))
        found = []
        for name in sorted(dictionaries, key=layers.__getitem__):
            one, layer = dictionaries[name].eval(), layers[name]
            at = states[:, layer]
            with run.clock("selectivity"):
                mine = self._selectivity(name, layer, one, at, pairs, halves)
                random = random_selectivity(mine, one, at, pairs, halves, RANDOM, permutations=FLIPS, seed=self.seed)
            with run.clock("depth"):
                decoder = one.decoder.detach()[torch.from_numpy(mine.firing.latents)].float().cpu().numpy()
                where = place(mine, decoder, gaps, halves, main.window, draws=SETS, seed=self.seed)
            with run.clock("ablation"):
                change = self._ablation(mine, one, at, pairs, halves, main)
            found.append(Asked(mine, Controls(random, others.get(layer)), where, change))
        return Question(main, pairs, found)

    def _selectivity(
        self, name: str, layer: int, one: Dictionary, states: torch.Tensor, pairs: Pairs, halves: Mask
    ) -> Selectivity:
        return selectivity(name, layer, one, states, pairs, halves, permutations=self.permutations, seed=self.seed)

    def _ablation(
        self, found: Selectivity, one: Dictionary, states: torch.Tensor, pairs: Pairs, halves: Mask, main: Contrast
    ) -> Ablation:
        run = self.run
        plan = plan_ablation(found, one, states, pairs, halves, draws=self.draws, seed=self.seed)
        rows = tokenize(run.model.tokenizer, self.table, max_length=run.model.max_length)

        def made(shards: Shards) -> xr.Dataset:
            values: Float = copied_cse(
                run.model,
                rows,
                found.layer,
                plan.changes,
                plan.copies,
                token_budget=run.tracer.token_budget,
                progress=self.progress,
                shards=shards,
            )
            return xr.Dataset({"cse": (("copy", "stimulus", "layer"), values)})

        measured = run.tracer.keeping(f"without-{found.layer}", made)["cse"].values
        return ablation(plan, measured, pairs, main.window, seed=self.seed)

    def _untrained(self, control: Mapping[str, Dictionary], seed: int) -> torch.Tensor:
        """States of the same targets in the network before its first training step, (stimulus, L + 1, d)."""
        other = untrained(self.run.model, seed)
        self.noticed.extend(other_weights(control, other))
        return torch.from_numpy(self.run.tracer("untrained", other, self.table, keep="states")["states"].values)


def _layers(dictionaries: Mapping[str, Dictionary]) -> dict[str, int]:
    """The layer of the stream that each reads.

    Raises
    ------
    DepthscopeError
        Of another place, or unknown; two of one layer.
    """
    found: dict[str, int] = {}
    for name, one in dictionaries.items():
        site = one.origin.site or _named(name)
        if site.place != "resid" or one.origin.target not in (None, site):
            raise DepthscopeError(
                f"{name}: it is of {site}, and the question is asked of the stream: give dictionaries of --site resid"
            )
        if (other := next((n for n, layer in found.items() if layer == site.layer), None)) is not None:
            raise DepthscopeError(f"{name}: of the same layer as {other}; give one dictionary for each layer")
        found[name] = site.layer
    return found


def _named(name: str) -> Site:
    try:
        return read_site(name)
    except DepthscopeError:
        raise DepthscopeError(
            f"{name}: its files do not say which layer it reads; call its folder layer-15, say"
        ) from None


def _check_fits(name: str, one: Dictionary, layer: int, model: Model) -> None:
    if layer > model.depth:
        raise DepthscopeError(
            f"{name}: of layer {layer}, and {model.name} has {model.depth} blocks; give its own model"
        )
    if one.width != model.width:
        raise DepthscopeError(
            f"{name}: it reads {one.width} features, and {model.name} has {model.width}; give its own model"
        )

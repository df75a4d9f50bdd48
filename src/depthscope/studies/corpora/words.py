"""One contrast across sets of stimuli, in words: does what one set shows hold in the others?"""

from collections.abc import Mapping, Sequence

from depthscope.studies.contrast.results import Compared, Evidence
from depthscope.studies.contrast.verdicts.controls import control_words
from depthscope.studies.contrast.verdicts.replication import replication_words
from depthscope.studies.corpora.results import controlled, replicated
from depthscope.words import layers_text

INTRO = """\
The window, {layers}, was chosen by the set `{origin}` alone: there its effect is too large; in every other set
the same layers are a test that nothing in that set could tune. "Its own strongest cluster" is where each set itself shows most;
its dz is the largest of many layers, so too large as well. A set counts as a replication if the mean over the window differs at
p <= .05 in the same direction; the effect is absent from a set if two one-sided tests put |dz| below the bound.\
"""


def title(runs: Mapping[str, Evidence], model: str) -> str:
    return f"{next(iter(runs.values())).main.name} in {model}, set by set"


def replications(rows: Sequence[Compared], runs: Mapping[str, Evidence]) -> str:
    """One sentence: in which of the other sets the effect is there."""
    return replication_words(replicated(rows, runs), "set")


def answer(rows: Sequence[Compared], runs: Mapping[str, Evidence], model: str) -> list[str]:
    """What was asked and what was found, in two plain sentences."""
    origin, *others = runs
    question = f"Does what `{model}` shows of {runs[origin].main.name} in `{origin}` hold in {len(others)} other sets?"
    return [question, replications(rows, runs)]


def controls(runs: Mapping[str, Evidence]) -> list[str]:
    """What the controls of each set say."""
    return [
        f"{name}: {'; '.join(control_words(e, control) for control in e.controls)}."
        for name, e in controlled(runs).items()
    ]


def intro(runs: Mapping[str, Evidence]) -> str:
    """What the numbers mean."""
    origin = next(iter(runs))
    return INTRO.format(layers=layers_text(*runs[origin].window), origin=origin)

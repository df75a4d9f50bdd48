"""One contrast across sets of stimuli: does what one set shows hold in the others?"""

from collections.abc import Mapping, Sequence

from depthscope.studies.contrast.across import compare, comparison_table
from depthscope.studies.contrast.across import replications as replications_in
from depthscope.studies.contrast.results import Compared, Evidence
from depthscope.studies.contrast.verdicts.controls import control_words

INTRO = """\
The window, layers {first}-{last}, was chosen by the set `{origin}` alone: there its effect is too large; in every other set
the same layers are a test that nothing in that set could tune. "Its own strongest cluster" is where each set itself shows most;
its dz is the largest of many layers, so too large as well. A set counts as a replication if the mean over the window differs at
p <= .05 in the same direction; the effect is absent from a set if two one-sided tests put |dz| below the bound.\
"""


def compare_sets(runs: Mapping[str, Evidence]) -> list[Compared]:
    """Every set at the layers that the first one chose, plain and adjusted; and each at its own strongest cluster."""
    window = next(iter(runs.values())).window
    return compare(runs, dict.fromkeys(runs, window), "layers {}-{}".format(*window))


def replications(rows: Sequence[Compared], runs: Mapping[str, Evidence]) -> str:
    """One sentence: in which of the other sets the effect is there."""
    return replications_in(rows, runs, "set")


def answer(rows: Sequence[Compared], runs: Mapping[str, Evidence], model: str) -> list[str]:
    """What was asked and what was found, in two plain sentences."""
    origin, *others = runs
    question = f"Does what `{model}` shows of {runs[origin].main.name} in `{origin}` hold in {len(others)} other sets?"
    return [question, replications(rows, runs)]


def controls(runs: Mapping[str, Evidence]) -> list[str]:
    """What the controls of each set say."""
    return [
        f"{name}: {'; '.join(control_words(e, control) for control in e.controls)}."
        for name, e in runs.items()
        if e.controls and e.found
    ]


def intro(runs: Mapping[str, Evidence]) -> str:
    """What the numbers mean."""
    origin = next(iter(runs))
    first, last = runs[origin].window
    return INTRO.format(first=first, last=last, origin=origin)


def summarize_sets(
    title: str, question: str, runs: Mapping[str, Evidence], rows: Sequence[Compared], command: str
) -> str:
    """``summary.md`` of a study over sets."""
    told = [f"- {line}" for line in controls(runs)]
    sections = [
        f"# {title}",
        question,
        f"**{replications(rows, runs)}**",
        intro(runs),
        "![Forest plot](figures/forest.png)",
        comparison_table("set", rows),
        *(["## Controls", "\n".join(told)] if told else []),
        "Each set has a folder of its own here, with its own `summary.md`.",
        f"To repeat it:\n\n```\n{command}\n```",
    ]
    return "\n\n".join(sections) + "\n"

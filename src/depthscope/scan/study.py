"""Every token of a corpus measured: what is asked for is checked here, carried out by a plan, and returned as a scan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from depthscope.capture.around import surrounding_ids
from depthscope.capture.kinds import ALL
from depthscope.capture.parts import Cut, window_lengths
from depthscope.capture.windows import check_window
from depthscope.corpus.documents import Split
from depthscope.corpus.read import read_corpus
from depthscope.errors import check_choice, check_count, require
from depthscope.model.device import chosen_device
from depthscope.model.model import Model
from depthscope.model.tokenizer import load_tokenizer
from depthscope.report.page.run import write_report
from depthscope.run.finish import check_finish
from depthscope.scan.engines import Kind, Where
from depthscope.scan.figures import draw_measure
from depthscope.scan.given import asked_for, check_apart, check_given, one_name
from depthscope.scan.job import SURPRISAL
from depthscope.scan.page import LAYOUT, OVERVIEW
from depthscope.scan.plan import Plan
from depthscope.scan.results import Summaries
from depthscope.scan.worker import Recipe, Roll
from depthscope.store.folder import SUMMARY
from depthscope.store.record import RunRecord
from depthscope.telling import Told

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PART = {"cpu": 2**14, "cuda": 2**18}  # tokens: half a minute's work, or less
Reading = Literal["windows", "rolling"]


@dataclass(frozen=True)
class Scanned:
    """A finished scan.

    Attributes
    ----------
    folder : Path
    tables : dict of str to tuple of str
        The measures of each table: the folders of Parquet files in ``folder``.
    record : RunRecord
        What stands in ``run.json``.
    """

    folder: Path
    tables: dict[str, tuple[str, ...]]
    record: RunRecord

    @cached_property
    def summaries(self) -> Summaries:
        """What is kept by layer, kind of token and entry of the vocabulary."""
        return Summaries(self.folder, self.record)

    def layers(self, measure: str, kind: str = ALL) -> pd.DataFrame:
        """Count, missing, mean, variance and five quantiles of a measure, by layer, of all tokens or of one kind."""
        return self.summaries.layers(measure, kind)

    def dataset(self, table: str = "tokens") -> Any:
        """A table as a ``pyarrow.dataset.Dataset``, of which nothing is read yet."""
        check_choice("table", table, self.tables)
        return require("pyarrow.dataset", "parquet").dataset(self.folder / table)

    def plot(self, measure: str | None = None, ax: "Axes | None" = None) -> "Axes":
        """Draw a measure along depth: mean of all tokens, and between what the middle half and nine tenths lie.

        By default the first measure that has layers.
        """
        names = self.summaries.layered
        measure = measure or next(iter(names), SURPRISAL)
        check_choice("measure", measure, names)
        return draw_measure(self.summaries, measure, ax)

    def report(self) -> Path:
        """Write ``report.html``, ``figures/``, ``layers.csv`` and ``types.csv`` into the folder, from its summaries."""
        check_finish()
        return write_report(self.folder, LAYOUT)

    def _repr_html_(self) -> str:
        from depthscope.drawing.card import card, picture

        return card(self.record.title, [*self.record.answer, str(self.folder)], picture=picture(self.plot))

    @property
    def told(self) -> Told:
        """For a terminal."""
        about = self.record.results
        seconds = self.record.timings.get("measuring")
        speed = f", {about['computed'] / seconds:,.0f} tokens/s" if seconds and about.get("computed") else ""
        took = ", ".join(f"{stage} {s:.1f} s" for stage, s in self.record.timings.items())
        files = ", ".join(f"{self.folder / name}/*.parquet" for name in self.tables)
        return [
            *self.record.answer,
            "",
            *OVERVIEW.sheets(self.summaries.overview()),
            "",
            *(f"note: {note}" for note in about["notes"]),
            f"{took}{speed}",
            f"tables: {files}; summaries: {self.folder / SUMMARY}/",
            f"a page to look at: depthscope report {self.folder}",
        ]


def scan_corpus(
    model: str | PathLike[str] | Model,
    corpus: str | PathLike[str],
    out: str | PathLike[str],
    *,
    measures: Sequence[str] = ("cse", "norm"),
    text: str = "text",
    split: Split = "file",
    reading: Reading = "windows",
    window: int | None = None,
    context: int | None = None,
    token_budget: int | None = None,
    part_tokens: int | None = None,
    load: Mapping[str, Any] | None = None,
    cse: Mapping[str, Any] | None = None,
    engine: Kind = "local",
    workers: int | None = None,
    address: str | None = None,
    threads: int | None = None,
    progress: bool = True,
    command: str = "",
) -> Scanned:
    """Measure every token of a corpus, layer by layer, into Parquet files.

    Memory does not grow with the corpus. A scan that is killed goes on when it is called again with the same settings; called
    again with more ``measures``, it adds them beside what is there.

    Parameters
    ----------
    model : str, path or Model
        What :func:`depthscope.load` takes, or gives; with Ray a name or a folder.
    corpus : str or path
        A file, a folder, or ``hf:NAME[:CONFIG][:SPLIT]``; see :func:`depthscope.corpus.read.read_corpus`, also for
        ``text``, the column that holds it, and ``split``.
    out : path
        Folder for the tables; an unfinished one is continued.
    measures : sequence of str
        ``"cse"``, ``"norm"``, ``"cosine"``, ``"participation"``, ``"autocorrelation"`` (see
        :func:`depthscope.instrument.measures.plan`), and ``"surprisal"``, bits, of the token after those before it in its
        window; it takes the head, the others do not.
    reading : {"windows", "rolling"}
        Windows overlap, so that each token is measured after its context, which runs again. In a rolling reading every token
        runs once: what the network keeps of those before it (keys and values, a recurrent state) is carried along the document
        and cut to the context, so that something of still earlier tokens reaches it; how far that is from windows is
        measured and said. Only of networks whose positions are relative, as is proven when they are loaded.
    window : int, optional
        Tokens that the model reads at once, special ones included; by default 512, or the model's context if that is shorter.
    context : int, optional
        Tokens of the document that stand before each measured token in its window, at least, or all there are; by default
        a quarter of the window. An encoder has as many after it.
    token_budget : int, optional
        Padded tokens per forward pass; by default 1,024 on a CPU, and on a GPU what keeps the states of all tokens within a
        small share of the memory of the weights. Results do not depend on it beyond the rounding of the model's kernels.
    part_tokens : int, optional
        Measured tokens per file, at least; by default 16,384 on a CPU and 262,144 on a GPU. What a kill costs is one part.
    load, cse : mapping, optional
        Keywords of :func:`depthscope.load` and :func:`depthscope.cse`.
    engine : {"local", "ray"}
        This process, or Ray: the same rows, on a CPU to the bit.
    workers, address
        Of Ray: how many, and the cluster, if not this machine. ``"auto"`` is the one that runs here.
    threads : int, optional
        CPU threads of torch per worker.

    Returns
    -------
    Scanned
        The folder, and what was found by layer.

    Raises
    ------
    DepthscopeError
        Whatever is wrong with the corpus, the model or the settings; a folder that holds something else.

    Examples
    --------
    >>> found = ds.scan_corpus("embedded", "essays/", "scans/essays")      # doctest: +SKIP
    >>> found.layers("cse")                                         # doctest: +SKIP
    """
    require("pyarrow", "parquet")
    check_given(model, out, load, cse)
    counts = {"window": window, "token_budget": token_budget, "part_tokens": part_tokens}
    for name, value in {**counts, "workers": workers, "threads": threads}.items():
        check_count(name, value)
    check_count("context", context, 0)
    check_choice("reading", reading, get_args(Reading))
    asked = asked_for(measures, cse or {})
    source = read_corpus(corpus, text=text, split=split)
    check_apart(fspath(corpus), Path(out))
    recipe = Recipe(model if isinstance(model, Model) else one_name(model), dict(load or {}), token_budget, threads)
    rolling = reading == "rolling"
    where = Where(engine, workers, address)
    where.check(recipe)
    tokenizer, longest = _reads(model, recipe.load)
    device = model.device.type if isinstance(model, Model) else str(recipe.load.get("device") or chosen_device(None))
    length, kept = window_lengths(window, context, longest)
    stack = recipe.load.get("stack")
    causal = model.causal if isinstance(model, Model) else stack != "encoder"
    size = PART.get(device.split(":")[0], PART["cpu"]) if part_tokens is None else part_tokens
    prefix, suffix = surrounding_ids(tokenizer)
    check_window(length, kept, len(prefix) + len(suffix), causal)
    if rolling:
        recipe = replace(recipe, roll=Roll(length, kept, len(prefix)))
    plan = Plan(source, tokenizer, Cut(length, kept, size, causal), asked, recipe, where, progress)
    record = RunRecord(
        "scan",
        {
            "model": recipe.source.name if isinstance(recipe.source, Model) else recipe.source,
            "load": dict(recipe.load),
            # not how it was named: the same texts are the same corpus
            "corpus": {"text": text, "split": split, "sha256": source.digest()},
            "window": length,
            "context": kept,
            "token_budget": token_budget,
            "part_tokens": size,
            # what is not there was read in windows, as all scans once were
            **({"reading": reading} if rolling else {}),
        },
        command=command,
    )
    finished = plan.carry_out(Path(out), record)
    return Scanned(Path(out), {name: tuple(found) for name, found in finished.results["tables"].items()}, finished)


def _reads(model: Any, load: Mapping[str, Any]) -> tuple[Any, int | None]:
    """Tokenizer and context length, of a model in memory or without loading one."""
    if isinstance(model, Model):
        return model.tokenizer, model.max_length
    return load_tokenizer(fspath(model), bool(load.get("trust_remote_code", False)))

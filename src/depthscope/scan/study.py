"""The door of the scan: every token of a corpus measured, in a folder that a killed scan goes on with."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from depthscope.capture.around import surrounding_ids
from depthscope.capture.parts import Cut, Part, window_lengths
from depthscope.capture.pieces import decoded
from depthscope.capture.record import check_vocabulary
from depthscope.capture.windows import Window, check_window
from depthscope.corpus.documents import Corpus, Split
from depthscope.corpus.read import read_corpus
from depthscope.errors import DepthscopeError, check_choice, check_count, require
from depthscope.model.device import chosen_device
from depthscope.model.model import Model
from depthscope.model.tokenizer import load_tokenizer
from depthscope.progress import BYTES, bar
from depthscope.run.clock import Clock
from depthscope.run.environment import environment
from depthscope.scan.apart import apart, first_long
from depthscope.scan.engines import Kind, Where, engine
from depthscope.scan.folder import Folder, Table, scan_digest
from depthscope.scan.given import asked_for, check_apart, check_given, one_name
from depthscope.scan.job import About, Asked, Columns, Engine, Job, check_asked
from depthscope.scan.ordered import Ordered
from depthscope.scan.results import Scanned, conclude
from depthscope.scan.tables import REPEATED, to_table
from depthscope.scan.worker import Recipe, Roll
from depthscope.store.folder import RECORD, enter, run_folder
from depthscope.store.parquet import write_parquet
from depthscope.store.record import RunRecord

PART = {"cpu": 2**14, "cuda": 2**18}  # tokens: half a minute's work, or less
Reading = Literal["windows", "rolling"]


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
        Windows overlap, so that each token is measured after its context, which runs again. On the roll every token runs
        once: what the network keeps of those before it (keys and values, a recurrent state) is carried along the document
        and cut to the context, so that something of still earlier tokens reaches it; how far that is from windows is
        measured and told. Only of networks whose positions are relative, as is proven when they are loaded.
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
    return plan.carry_out(Path(out), record)


@dataclass(frozen=True)
class Plan:
    """A scan that has been checked as far as it can be without its model."""

    corpus: Corpus
    tokenizer: Any
    cut: Cut
    asked: Asked
    recipe: Recipe
    where: Where
    progress: bool

    def carry_out(self, out: Path, record: RunRecord) -> Scanned:
        """Into a folder, from wherever it was left."""
        with run_folder(out, record):
            folder, clock = Folder(out), Clock(self.progress)
            tables = folder.wanted(self.asked, folder.tables())
            before = folder.record()
            vocabulary = _Vocabulary(self.tokenizer)
            whole = all(table.whole and folder.summarised(table) for table in tables)
            finished = before if whole and before is not None and before.status == "finished" else None
            if finished is None:
                with clock("reading"):
                    self._read()
            with ExitStack() as hold:
                with clock("loading"):
                    workers = hold.enter_context(engine(self.recipe, self.where))
                    for table in tables:
                        check_asked(table.asked, workers.about)
                    if finished is not None:
                        self._same(out, finished, workers.about)
                        return conclude(folder, tables, finished, self.corpus)
                    self._prove(out, record, before, workers.about)
                    scan = scan_digest(record)
                    folder.check(tables, scan)
                if self.recipe.roll:
                    with clock("comparing"):
                        self._compare(out, record, before, workers)
                with clock("measuring"):
                    computed = sum(self._fill(folder, table, workers, vocabulary, scan) for table in tables)
            self._unchanged(out, record)
            record.timings = clock.seconds
            return conclude(folder, tables, record, self.corpus, computed)

    def _read(self) -> None:
        """All of the corpus once, which takes little beside the network: what is wrong in it is said before anything is
        computed, and can still be mended. A data set that comes through a network is read only once.
        """
        total = self.corpus.size
        if total is None:
            return
        with bar(total, "reading the corpus", unit=BYTES, shown=self.progress) as advance:
            reached = 0
            for document in self.corpus.documents():
                deque(document.chunks, maxlen=0)
                advance(max(0, document.reached - reached))
                reached = max(reached, document.reached)

    def _unchanged(self, out: Path, record: RunRecord) -> None:
        """Nobody may take for the measures of one corpus what was made of two."""
        if self.corpus.digest() != record.settings["corpus"]["sha256"]:
            # not the digest of the old text, if that comes back
            record.settings["corpus"]["sha256"] = "changed during the scan"
            record.write(out / RECORD)
            raise DepthscopeError(
                f"{self.corpus.source}: changed while it was scanned, so that rows may be of the old text and of the new; "
                f"delete {out}, and scan it again"
            )

    def _same(self, out: Path, before: RunRecord, about: About) -> None:
        """What is finished may be read with other libraries and on another machine, but not as the work of another model."""
        if before.identity.get("model") != about.fingerprint:
            raise DepthscopeError(
                f"{out}: holds a scan by a model with other weights ({before.identity.get('model')}, now {about.fingerprint}); "
                "choose another --out, or delete the folder"
            )

    def _prove(self, out: Path, record: RunRecord, before: RunRecord | None, about: About) -> None:
        """Nothing is added to what another model, or one that computes other bits, has begun."""
        record.checks = dict(about.checks)
        record.identity = {"model": about.fingerprint, "bits": about.bits}
        record.environment = environment(about.device, about.threads)
        # the bits are compared themselves: they need not depend on threads, nor on the machine
        record.resolved = {"threads": record.environment.pop("threads"), "depth": about.depth, "width": about.width}
        record.resolved |= {"dtype": about.dtype, "quantization": about.quantization, "causal": about.causal}
        record.resolved["corpus"] = self.corpus.source
        if self.recipe.roll:
            record.identity["reach"] = str(about.reach)
            record.resolved |= {"sinks": about.sinks, "reach": about.reach}
        if before is not None:
            enter(before, record, out)
        record.write(out / RECORD)

    def _compare(self, out: Path, record: RunRecord, before: RunRecord | None, workers: Engine) -> None:
        """Say, before the scan takes its time, how far it will be from one by windows."""
        known: dict[str, Any] = dict(before.resolved.get("apart", {})) if before else {}
        missing = tuple(name for name in self.asked.measures if name not in known)
        if missing:
            part = next(self.cut.parts(self.corpus, self.tokenizer), None)
            windows = first_long(part.windows) if part else []
            _check_ids(workers.about, windows)
            known |= apart(workers, windows, replace(self.asked, measures=missing))
            record.resolved["compared"] = sum(len(window.start) for window in windows[1:])
        else:
            record.resolved["compared"] = before.resolved.get("compared", 0) if before else 0
        record.resolved["apart"] = known
        record.write(out / RECORD)

    def _fill(self, folder: Folder, table: Table, workers: Engine, vocabulary: "_Vocabulary", scan: str) -> int:
        """Compute the parts of a table that are missing; how many tokens these were."""
        if table.whole and folder.summarised(table):
            return 0
        folder.begin(table)
        underway: dict[int, Part] = {}
        ordered = Ordered(folder, table, workers.about.depth, vocabulary.texts)
        total = self.corpus.size or 0
        with bar(total, f"scanning {', '.join(table.asked.measures)}", unit=BYTES, shown=self.progress) as advance:
            reached = computed = 0
            # of a table that is whole only the summary is missing
            jobs = iter(()) if table.whole else self._jobs(table, workers.about, underway)
            for job, columns in workers.run(jobs):
                part = underway.pop(job.number)
                known = {"model": workers.about.name, "scan": scan, **_settings(table.asked)}
                rows = to_table(job, columns, vocabulary.texts, known)
                size, sha256 = write_parquet(rows, folder.part(table, job.number), REPEATED)
                about = {
                    "rows": len(rows),
                    "bytes": size,
                    "sha256": sha256,
                    "following": list(part.following),
                    "scan": scan,
                }
                about |= {"last": part.last, "cuts": part.cuts, "empty": _empty(columns)}
                folder.finish(table, job.number, about)
                computed += len(rows)
                ordered.add(job.number, rows["token_id"].to_numpy(), columns)
                advance(max(0, part.reached - reached))
                reached = max(reached, part.reached)
        ordered.finish()
        return computed

    def _jobs(self, table: Table, about: About, underway: dict[int, Part]) -> Iterator[Job]:
        number, place = table.missing()
        some = False
        for part in self.cut.parts(self.corpus, self.tokenizer, number, place):
            some = True
            if part.number in table.entries:
                continue
            _check_ids(about, part.windows)
            underway[part.number] = part
            yield Job(part.number, part.windows, table.asked, self.recipe.roll is not None)
        if not some and number == 0:
            raise DepthscopeError(
                f"{self.corpus.source}: the tokenizer of {about.name} makes no token of it; give another corpus"
            )


def _check_ids(about: About, windows: Sequence[Window]) -> None:
    check_vocabulary(about.name, about.vocabulary, max((int(window.ids.max()) for window in windows), default=0))


class _Vocabulary:
    """Every entry as the tokenizer decodes it, which takes a while and is not always wanted."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._texts: list[str] = []

    @property
    def texts(self) -> list[str]:
        if not self._texts:
            self._texts = list(decoded(self._tokenizer, range(len(self._tokenizer))).values())
        return self._texts


def _empty(columns: Columns) -> dict[str, int]:
    """Tokens that have no value at any layer, of measures where there are some."""
    counts = {name: int(np.isnan(v).reshape(len(v), -1).all(1).sum()) for name, v in columns.items()}
    return {name: count for name, count in counts.items() if count}


def _settings(asked: Asked) -> dict[str, Any]:
    return {"measures": list(asked.measures), "cse": dict(asked.cse)}


def _reads(model: Any, load: Mapping[str, Any]) -> tuple[Any, int | None]:
    """Tokenizer and context length, of a model in memory or without loading one."""
    if isinstance(model, Model):
        return model.tokenizer, model.max_length
    return load_tokenizer(fspath(model), bool(load.get("trust_remote_code", False)))

"""What quantisation does to a model, and to what is measured on it: one scheme after the other against the original."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from depthscope.errors import DepthscopeError
from depthscope.model.device import chosen_device
from depthscope.model.quantization import quantization_config
from depthscope.progress import step
from depthscope.report.codebook import write_tables
from depthscope.run.result import FinishedRun
from depthscope.run.several import comparison, shared_settings
from depthscope.statistics.drift import Drift
from depthscope.statistics.result import Contrast
from depthscope.stimuli.passage import read_passage
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.studies.contrast.settings import Settings, prepare, settled
from depthscope.studies.quantization.against_original import compare_schemes
from depthscope.studies.quantization.child import ProcessDiedError, in_child
from depthscope.studies.quantization.codebook import TABLES
from depthscope.studies.quantization.figures import write_schemes
from depthscope.studies.quantization.limits import NO_LIMITS, Limits
from depthscope.studies.quantization.page import COSTS_TABLE, LAYOUT, MEASURED_TABLE
from depthscope.studies.quantization.results import (
    PLAIN,
    Comparison,
    SchemeRow,
    recommended,
    scheme_tables,
    schemes_table,
)
from depthscope.studies.quantization.scheme import measure_scheme, scheme_record
from depthscope.studies.quantization.words import answer, failure_words, limit_words, recommend, scheme_words
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCHEMES = ("int8", "nf4", "torchao-int8")
SHARE = 0.2


@dataclass(frozen=True)
class Quantized(FinishedRun):
    """A finished study of schemes."""

    folder: Path
    rows: list[SchemeRow]
    share: float
    original: Contrast
    drifts: dict[str, Drift] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    limits: Limits = NO_LIMITS

    @property
    def told(self) -> list[str | Sheet]:
        """The run for a terminal: two tables, what is recommended, which limits are broken."""
        frame = schemes_table([row for row in self.rows if not row.failed])
        tables = [
            one for form in (COSTS_TABLE, MEASURED_TABLE) if (found := form.of(frame)) for one in (found.sheet(), "")
        ]
        notes = [f"note: {line}" for line in limit_words(self.rows, self.limits)] if self.limits.told else []
        advice = recommend(self.rows, self.share, self.limits).replace("**", "")
        return [*tables, *failure_words(self.rows), advice, *notes, *self.ending]

    @property
    def recommended(self) -> str | None:
        """Name of the scheme that is recommended, ``"none"`` for the original; None if there is no recommendation."""
        row = recommended(self.rows, self.share, self.limits)
        return None if row is None else row.scheme

    @property
    def broken(self) -> dict[str, list[str]]:
        """Schemes that break a limit that was set, and how."""
        return self.limits.broken(self.rows)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the contrast in the original; returns matplotlib axes."""
        return self.original.plot(ax)


def run_quantization(
    settings: Settings,
    out: Path,
    *,
    schemes: Sequence[str] = SCHEMES,
    share: float = SHARE,
    text: str | None = None,
    max_perplexity: str | float | None = None,
    min_agreement: float | None = None,
    max_drift: float | None = None,
    command: str = "",
    progress: bool = True,
) -> Quantized:
    """Measure the model as it is and in each of the ``schemes``, and compare.

    Every scheme has a process and a folder of its own below ``out``. What is finished is not measured again, also when
    more schemes are asked for later; a scheme that fails is named with the reason, and the others go on.

    Parameters
    ----------
    settings : Settings
        As for the metaphor study; only its first contrast is made, without evidence.
    schemes : sequence of str
        Names of :data:`depthscope.model.quantization.SCHEMES`.
    share : float
        The effect may move by so much of its size; see :func:`depthscope.studies.quantization.results.recommended`.
    text : str, optional
        File with the passage whose perplexity is measured; by default one of our own.
    max_perplexity : str or float, optional
        Limit for every scheme: ``"1.05x"`` is 1.05 times that of the original, ``25.3`` a perplexity.
    min_agreement : float, optional
        Limit: share of the passage's tokens for which the likeliest one is that of the original, 0 to 1.
    max_drift : float, optional
        Limit: drift of CSE over its spread between items (``SchemeRow.cse_drift``). A scheme that breaks a limit, or was not
        measured, is named in ``broken`` and in ``run.json``, and is not recommended; the run is finished all the same.

    Raises
    ------
    DepthscopeError
        Bad settings; a scheme that does not run here; an original that cannot be measured.
    """
    if not share > 0:
        raise DepthscopeError(f"share={share:g}: give a positive share of the effect, such as 0.2")
    limits = Limits.of(max_perplexity, min_agreement, max_drift)
    schemes = [name for name in dict.fromkeys(schemes) if name != PLAIN]
    if limits.told and not schemes:
        raise DepthscopeError(
            "limits are for schemes beside the original: name some with --schemes, or leave the limits out"
        )
    settings = settled(settings)
    _, terms = prepare(settings)
    read_passage(text)
    _check_schemes(settings, schemes)
    asked = {**shared_settings(settings, "evidence", "confounds", "reliability", "crossed"), "text": text}
    record = RunRecord("quantization", asked, command=command)
    with comparison(out, record, progress, LAYOUT) as clock:
        # not among the settings: more schemes may be asked for later
        record.resolved = {"schemes": schemes, "share": share}
        record.write(out / RECORD)
        failed: dict[str, str] = {}
        for name in (PLAIN, *schemes):
            with clock(name):
                reason = _in_own_process(settings, name, out / name, text, progress)
            if reason and name == PLAIN:
                raise DepthscopeError(reason)
            if reason:
                failed[name] = reason
        with clock("compare"):
            found = compare_schemes(settings, out, [name for name in schemes if name not in failed], terms[0])
            rows = [*found.rows, *(SchemeRow(name, failed=reason) for name, reason in failed.items())]
            _write(settings, out, found, rows, share, limits, record)
            if limits.told:
                record.resolved |= {"limits": limits.told, "broken": limits.broken(rows)}
        record.results = {row.scheme: asdict(row) for row in rows}
    return Quantized(out, rows, share, found.original, found.drifts, clock.seconds, limits)


def _check_schemes(settings: Settings, schemes: Sequence[str]) -> None:
    """Refuse what cannot run here, before anything is computed."""
    if "quantization" in settings.load:
        raise DepthscopeError("quantization: this study compares schemes with the original; name them with --schemes")
    device = chosen_device(settings.load.get("device"))
    for name in schemes:
        quantization_config(name, source=settings.model, device=device)


def _in_own_process(settings: Settings, scheme: str, folder: Path, text: str | None, progress: bool) -> str:
    """Run :func:`measure_scheme` unless it is done; the reason if it failed."""
    path = folder / RECORD
    if path.is_file():
        before = RunRecord.read(path)
        if before.status == "finished" and not before.differences(scheme_record(settings, scheme, text)):
            step(f"{scheme}: was measured before", shown=progress)
            return ""
    try:
        in_child(measure_scheme, settings, scheme, folder, text, progress)
    except ProcessDiedError as problem:
        return f"{scheme}: {problem}"
    except DepthscopeError as problem:
        return str(problem)
    return ""


def _write(
    settings: Settings,
    out: Path,
    found: Comparison,
    rows: Sequence[SchemeRow],
    share: float,
    limits: Limits,
    record: RunRecord,
) -> None:
    write_tables(out, scheme_tables(found, rows), TABLES)
    name, main = Path(settings.model).name, found.original
    record.title = f"{name}: what quantisation does to {main.name}"
    write_schemes(out / "figures", found, share, record.title)
    record.answer = answer(name, main.name, rows, share, limits)
    record.words = scheme_words(main, rows, share, limits)

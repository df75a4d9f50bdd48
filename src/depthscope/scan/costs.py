"""What a scan would take, as numbers and in words."""

from dataclasses import asdict, dataclass
from typing import Any

from depthscope.telling import Sheet, Told

MILLION = 10**6


@dataclass(frozen=True)
class Estimate:
    """What a scan would take.

    Attributes
    ----------
    source, architecture, dtype, device : str
    depth, width, vocabulary, parameters, trunk_parameters : int
        Of the model.
    quantization : str or None
        Scheme in which the checkpoint holds its weights, which are counted unpacked.
    packed : str
        Scheme that was asked for, in which they are counted; empty if none was.
    tokens : int
        Of the corpus, or a million.
    corpus, counted : str
        Which one it is, and how its tokens were counted; empty if none was given.
    window, context, tokens_per_batch : int
        Tokens in a window, those of them that are context alone, and those of all windows that run together.
    overlap : float
        Tokens that run for each token of the corpus.
    weights, states, activations, workspace, logits, program : int
        Bytes: of the weights; of the states of one batch, were all of its tokens measured; of what a block writes on its
        way; of float64 while states are measured; of the logits that stand together, if surprisal is asked
        for; of this process and its libraries.
    peak : int
        Their sum.
    available : int or None
        Bytes that the device can give now; None if it does not say.
    seconds : float or None
        For ``tokens`` tokens; None where ``untimed`` says why not.
    shares : dict
        Of these seconds: ``network``, ``measuring``, ``head``.
    parquet : int
        Bytes on the disk for ``tokens`` tokens, before compression gains.
    calibrated : str
        What the time rests on.
    untimed : str
        Why there is no time, if there is none.
    """

    source: str
    architecture: str
    dtype: str
    device: str
    depth: int
    width: int
    vocabulary: int
    parameters: int
    trunk_parameters: int
    quantization: str | None
    window: int
    context: int
    tokens_per_batch: int
    overlap: float
    weights: int
    states: int
    activations: int
    workspace: int
    logits: int
    program: int
    available: int | None
    seconds: float | None
    shares: dict[str, float]
    parquet: int
    calibrated: str
    untimed: str = ""
    packed: str = ""
    tokens: int = MILLION
    corpus: str = ""
    counted: str = ""

    @property
    def peak(self) -> int:
        return self.weights + self.states + self.activations + self.workspace + self.logits + self.program

    @property
    def fits(self) -> bool | None:
        """Whether the device can hold it; None if the device does not say what it has."""
        return None if self.available is None else self.peak <= self.available

    @property
    def verdict(self) -> str:
        return {True: "fits", False: "does not fit", None: "the device does not say what memory it has"}[self.fits]

    @property
    def document(self) -> dict[str, Any]:
        """All of it, for a program."""
        return {**asdict(self), "peak": self.peak, "fits": self.fits, "verdict": self.verdict}

    @property
    def told(self) -> Told:
        """All of it, for a person."""
        model = [
            ("class", self.architecture),
            ("blocks x features", f"{self.depth} x {self.width}"),
            ("parameters", f"{self.parameters:,} ({self.trunk_parameters:,} without the head)"),
            ("weights", f"{self.packed or self.dtype}, {_size(self.weights)}"),
        ]
        memory = [
            ("weights", _size(self.weights)),
            (f"states of one batch ({self.tokens_per_batch:,} tokens)", _size(self.states)),
            ("one block at work", _size(self.activations)),
            ("measuring, in float64", _size(self.workspace)),
            *([("logits", _size(self.logits))] if self.logits else []),
            ("program and libraries", _size(self.program)),
            ("together, at the peak", _size(self.peak)),
            (f"{self.device} can give now", "unknown" if self.available is None else _size(self.available)),
        ]
        told: list[str | Sheet] = [
            Sheet(("model", "what"), model, self.source),
            "",
            Sheet(("memory", "bytes"), memory),
            "",
            Sheet((f"for {self.amount}", "estimate"), [*self._times(), ("Parquet", f"{_size(self.parquet)}")]),
            "",
            f"{self.verdict}: {_size(self.peak)} at the peak"
            + ("" if self.available is None else f", {_size(self.available)} there"),
        ]
        if self.quantization is not None:
            told.append(f"note: the checkpoint is quantised ({self.quantization}); its weights are counted as unpacked")
        if self.packed:
            told.append(
                f"note: {self.packed} weights are packed as they are loaded, which for a while may take up to all of "
                f"their {self.dtype}"
            )
        if self.counted:
            told.append(f"note: {self.counted}")
        told.append(f"note: {self.untimed or self.calibrated}")
        return told

    @property
    def amount(self) -> str:
        """What the time and the space on the disk are for."""
        return f"the {self.tokens:,} tokens of {self.corpus}" if self.corpus else "a million tokens"

    def _times(self) -> list[tuple[str, str]]:
        if self.seconds is None:
            return [("time", "unknown")]
        rows = [(name, _duration(value)) for name, value in self.shares.items()]
        return [*rows, (f"time, {self.overlap:.3g} tokens run for each", _duration(self.seconds))]


def _size(count: float) -> str:
    return (
        f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB" if count < 1e8 else f"{count / 1e6:.0f} MB"
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds:.0f} s ({seconds / 3600:.3g} h)"

"""``run.json``: what was asked, of what, with what, and how long it took."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from depthscope.errors import DepthscopeError, reason
from depthscope.store.files import write_text
from depthscope.store.jsonable import jsonable

SCHEMA = 1
# bytes: no run writes so many, and what is larger is not read into memory
LARGEST = 2**28
TEXT = (str, "text")
INSIDE: dict[str, tuple[type | tuple[type, ...], str]] = {
    **dict.fromkeys(("identity", "environment", "checks", "digests", "answer"), TEXT),
    "files": (dict, "description of a file"),
    "timings": ((int, float), "number"),
    "words": (list, "list"),
}


@dataclass
class RunRecord:
    """The schema of ``run.json`` (described in docs/run-folder.md).

    ``settings``, ``identity`` and ``environment`` decide whether a folder may be continued: all that can change a bit of
    the result is in them. ``digests`` are those of stores and summaries, ``files`` says of every other file of a finished
    run what it was (:mod:`depthscope.store.sealed`). ``timings``, ``checks``, ``resolved`` and ``results`` are for readers,
    and so are the words: ``title``, ``answer`` (what was asked, what was found), and ``words``, paragraphs by part of the
    report.
    """

    study: str
    settings: dict[str, Any]
    status: Literal["running", "finished"] = "running"
    schema: int = SCHEMA
    command: str = ""
    identity: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    resolved: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    answer: list[str] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        text = json.dumps(jsonable(asdict(self)), indent=2, ensure_ascii=False, allow_nan=False)
        write_text(path, text + "\n")

    @classmethod
    def read(cls, path: Path, way_out: str = "choose another folder with --out") -> "RunRecord":
        kinds = {name: type(value) for name, value in asdict(cls("", {})).items()}
        try:
            if path.exists() and not path.is_file():
                raise TypeError("it is no file")
            if path.is_file() and path.stat().st_size > LARGEST:
                raise TypeError(f"it has more than {LARGEST:,} bytes")
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["schema"] != SCHEMA:
                raise DepthscopeError(f"{path}: written in schema {stored['schema']}, this version reads {SCHEMA}")
            found = {name: value for name, value in stored.items() if name in kinds}
            for name, value in found.items():
                if not isinstance(value, kinds[name]):
                    raise TypeError(f"{name} is no {kinds[name].__name__}")
                _check_inside(name, value)
            return cls(**found)
        except DepthscopeError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError, OSError) as problem:
            raise DepthscopeError(f"{path}: not a readable run record ({reason(problem, 80)}); {way_out}") from None

    def differences(self, other: "RunRecord") -> list[str]:
        """What keeps two runs from sharing a folder, in words: ``"wavelet (paul(4), now morlet)"``."""
        found = []
        for part in ("settings", "identity", "environment"):
            mine, theirs = (_flat(jsonable(getattr(r, part))) for r in (self, other))
            # what is not known yet (the model is not loaded) cannot differ
            names = [name for name in {**mine, **theirs} if mine and theirs]
            for name in names:
                if mine.get(name) != theirs.get(name):
                    found.append(f"{name} ({_short(mine.get(name))}, now {_short(theirs.get(name))})")
        return found if self.study == other.study else [f"study ({self.study}, now {other.study})"]


def _check_inside(name: str, value: Any) -> None:
    """What is in a part of the record is of the kind that all readers of it count on."""
    kind, called = INSIDE.get(name, (object, ""))
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not all(isinstance(one, kind) for one in inside):
        raise TypeError(f"something in {name} is no {called}")
    if name == "words" and not all(isinstance(one, str) for lines in value.values() for one in lines):
        raise TypeError("something in words is no text")


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."

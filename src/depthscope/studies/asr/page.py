"""A sound as a page: it plays, its words stand at their times, and behind each word is the map of what it rests on."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from depthscope.report.page.content import Page, Section
from depthscope.report.page.settings import settings_section
from depthscope.report.page.words import plain
from depthscope.report.part import Layout, Made, Part
from depthscope.report.table import Column, TableForm, csv_download
from depthscope.store.sealed import Sealed
from depthscope.store.tables import csv_text
from depthscope.studies.asr.ablation.words import READING as CLAIMS_READING
from depthscope.studies.asr.ablation.words import RIVALS_READING
from depthscope.studies.asr.depth import by_layer
from depthscope.studies.asr.detection.sentences import READING as DETECTING
from depthscope.studies.asr.recording import KINDS
from depthscope.studies.asr.results import ABOUT, Explanation
from depthscope.studies.asr.shown import data_of, marks, shown_words
from depthscope.studies.asr.words import READING, answer, depth_words, title
from depthscope.words import names_text

# where the template, the script and the style of the section are
HERE = "depthscope.studies.asr"
# bytes of sounds and maps on one page: what comes after stays in its folder, and is named
TOTAL = 6_000_000
# sentences that stand above everything else
ANSWER = 2

WORDS = TableForm(
    "words.csv",
    "Every word, in the order of the sound",
    (
        Column("sound", "{sound}"),
        Column("word", "{text}"),
        Column("seconds", "{start:.2f}-{end:.2f}"),
        Column("log p", "{log_p:.2f}"),
        Column("probability", "{probability:.3f}"),
        Column("heard (nats)", "{heard:.2f}"),
        Column("total (nats)", "{total:.2f}"),
        Column("concentration", "{concentration:.2f}"),
        Column("agreement", "{agreement:.2f}"),
        Column("verdict", "{verdict}"),
    ),
)
LAYERS = TableForm(
    "layers.csv",
    "Layer by layer, means over words with 95 % intervals",
    (
        Column("layer", "{layer}"),
        Column("words", "{words}"),
        Column("mass inside the word", "{inside:.3f} [{inside_low:.3f}, {inside_high:.3f}]"),
        Column("entropy (0 to 1)", "{entropy:.3f} [{entropy_low:.3f}, {entropy_high:.3f}]"),
        Column("mass in padding", "{padding:.3f}"),
        Column("cost without it (nats a token)", "{causal:.3f} [{causal_low:.3f}, {causal_high:.3f}]"),
    ),
)
HEADS = TableForm(
    "heads.csv",
    "Heads of cross-attention",
    (
        Column("layer", "{layer}"),
        Column("head", "{head}"),
        Column("role", "{role}"),
        Column("mass in the next word", "{mass_next:.3f}"),
        Column("in the word just read", "{mass_read:.3f}"),
        Column("by chance", "{chance:.3f}"),
        Column("p", "{p:p}"),
        Column("in padding", "{padding:.3f}"),
        Column("entropy (0 to 1)", "{entropy:.3f}", narrow=False),
        Column("used", "{used}", narrow=False),
    ),
    folded=True,
)
RIVALS = TableForm(
    "rivals.csv",
    "Ways of attribution, with what each costs",
    (
        Column("model", "{model}"),
        Column("method", "{method}"),
        Column("words", "{words}"),
        Column("silenced", "{sampled}", narrow=False),
        Column("mass inside the true word", "{tloc:.3f} [{tloc_low:.3f}, {tloc_high:.3f}]"),
        Column("D-AOPC, silence", "{d_aopc_silence:.3f} [{d_aopc_silence_low:.3f}, {d_aopc_silence_high:.3f}]"),
        Column("D-AOPC, mean", "{d_aopc_mean:.3f} [{d_aopc_mean_low:.3f}, {d_aopc_mean_high:.3f}]"),
        Column("insertion", "{insertion:.3f} [{insertion_low:.3f}, {insertion_high:.3f}]"),
        Column("SPR", "{spr:.3f} [{spr_low:.3f}, {spr_high:.3f}]"),
        Column("stability in noise", "{stab_noise:.3f} [{stab_noise_low:.3f}, {stab_noise_high:.3f}]"),
        Column("stability under a shift", "{stab_shift:.3f} [{stab_shift_low:.3f}, {stab_shift_high:.3f}]"),
        Column("infidelity", "{infidelity:.3g} [{infidelity_low:.3g}, {infidelity_high:.3g}]"),
        Column("passes a token", "{passes:.2f}"),
    ),
)
DETECTORS = TableForm(
    "detectors.csv",
    "What tells wrong words from right ones, with 95 % intervals over clips",
    (
        Column("model", "{model}"),
        Column("speech", "{speech}"),
        Column("condition", "{condition}"),
        Column("score", "{detector}"),
        Column("AUC", "{auc:.2f} [{low:.2f}, {high:.2f}]"),
        Column("less that of log p", "{difference:+.2f} [{difference_low:+.2f}, {difference_high:+.2f}]"),
        Column("gain when added to it", "{gain:+.3f} [{gain_low:+.3f}, {gain_high:+.3f}]"),
        Column("wrong", "{wrong}"),
        Column("words", "{words}"),
        Column("drawn", "{over}", narrow=False),
    ),
)
JUDGED = TableForm(
    "verdicts.csv",
    "How often each verdict is said of right and of wrong words",
    (
        Column("model", "{model}"),
        Column("speech", "{speech}"),
        Column("condition", "{condition}"),
        Column("verdict", "{verdict}"),
        Column("right words", "{right:.1%} [{right_low:.1%}, {right_high:.1%}]"),
        Column("wrong words", "{wrong:.1%} [{wrong_low:.1%}, {wrong_high:.1%}]"),
        Column("right", "{right_words}"),
        Column("wrong", "{wrong_words}"),
    ),
    folded=True,
)
THRESHOLDS = TableForm(
    "thresholds.csv",
    "How many right and wrong words lose less than so many nats",
    (
        Column("model", "{model}"),
        Column("speech", "{speech}"),
        Column("condition", "{condition}"),
        Column("score", "{score}"),
        Column("nats", "{nats:g}"),
        Column("right words", "{right:.1%} [{right_low:.1%}, {right_high:.1%}]"),
        Column("wrong words", "{wrong:.1%} [{wrong_low:.1%}, {wrong_high:.1%}]"),
    ),
    folded=True,
)
CLAIMS = TableForm(
    "claims.csv",
    "Claims about LEAF-X, each a difference of two methods on the same words",
    (
        Column("model", "{model}"),
        Column("claim", "{claim}"),
        Column("by", "{measure}"),
        Column("difference", "{difference:+.3f} [{low:+.3f}, {high:+.3f}]"),
        Column("words", "{words}"),
        Column("sounds", "{clips}", narrow=False),
        Column("decision", "{decision}"),
    ),
    groups=("main",),
)
MORE = replace(CLAIMS, caption="The same by the other metrics", groups=("more",), folded=True)


def sounds(run: Sealed) -> Made | None:
    """The sounds of a run, as many as there is room for; None if it has none."""
    names = _folders(run)
    if not names:
        return None
    return _made(((name, _opener(run, name)) for name in names), run.record.words.get("sound", ()))


def explanation_page(
    explanation: Explanation,
    blocks: Mapping[str, Mapping[str, Any]] | None = None,
    command: str = "",
) -> Page:
    """Lay out one sound on a page of its own.

    Parameters
    ----------
    explanation : Explanation
    blocks : mapping of mappings
        Versions, checks and whatever else is shown at the end.
    command : str
        By which it can be repeated; may be empty.
    """
    told = answer([explanation])
    made = _made(iter([(explanation.name, lambda: explanation)]), [plain(one) for one in told[ANSWER:]])
    layers = by_layer([explanation])
    sections = [
        made.section,
        _with_table("words", "Word by word", WORDS, explanation.words, READING),
        _with_table("depth", "By depth", LAYERS, layers, words=depth_words(layers)),
        settings_section({"Asked": dict(explanation.settings), **(blocks or {})}, command),
    ]
    return Page(
        title=title([explanation]),
        answer=[plain(one) for one in told[:ANSWER]],
        sections=[one for one in sections if one is not None],
        about=f"{explanation.name}: what {explanation.model} listened to, by {explanation.method}",
        data=made.data,
        scripts=made.scripts,
        styles=made.styles,
        sound=made.sound,
        packages=made.packages,
    )


def _with_table(
    key: str, called: str, form: TableForm, frame: Any, reading: str = "", words: Sequence[str] = ()
) -> Section | None:
    table = form.of(frame, key)
    if table is None:
        return None
    file = csv_download(form.file, csv_text(frame))
    return Section(key, called, words, tables=[replace(table, downloads=(file,))], reading=reading)


def _made(opened: Iterator[tuple[str, Callable[[], Explanation]]], words: Sequence[str]) -> Made:
    """The section: sounds in their order until the room is used up, at least the first; the others are named."""
    contents: list[dict[str, Any]] = []
    data: list[dict[str, Any]] = []
    left: list[str] = []
    used = 0
    for name, make in opened:
        if used >= TOTAL:
            left.append(name)
            continue
        one = make()
        content, drawn = _content(one), data_of(one)
        size = len(content["href"]) + sum(_size(window) for window in drawn["windows"])
        if contents and used + size > TOTAL:
            used = TOTAL
            left.append(name)
            continue
        used += size
        contents.append(content)
        data.append(drawn)
    said = list(words)
    if left:
        said.append(
            plain(f"For {len(left)} more there is no room on this page; each is in its folder: {names_text(left)}.")
        )
    section = Section("sound", "Listen", said, template="sound.html.j2", content={"sounds": contents})
    return Made(
        section,
        {"sounds": data},
        scripts=("sound.js",),
        styles=("sound.css",),
        sound=any(one["href"] for one in contents),
        packages=(HERE,),
    )


def _content(one: Explanation) -> dict[str, Any]:
    """What the template writes of a sound, for whoever has no script too."""
    played = one.recording
    href, cut = "", ""
    if played is not None:
        href = f"data:{KINDS[played.kind]};base64,{base64.b64encode(played.data).decode()}"
        if played.seconds < one.seconds - played.step:
            cut = (
                f"Of {one.seconds:.0f} s the first {played.seconds:.0f} s are on this page, and their words; the table has all "
                "words, and the maps are in the folder of the sound."
            )
    return {
        "name": one.name,
        "about": f"{one.seconds:.1f} s; {one.model}, {one.method}",
        "notes": list(one.notes),
        "href": href,
        "cut": cut,
        "words": marks(one),
        "measured": one.measured,
        "empty": not shown_words(one),
    }


def _size(window: Mapping[str, Any] | None) -> int:
    return sum(len(value) for value in (window or {}).values() if isinstance(value, str))


def _folders(run: Sealed) -> list[str]:
    """Names of the folders of explanations, with slashes; the run's own is empty."""
    if run.record.files:
        names = [PurePosixPath(name) for name in run.record.files if PurePosixPath(name).name == ABOUT]
    else:
        found = [path for pattern in (ABOUT, f"*/{ABOUT}", f"*/*/{ABOUT}") for path in run.folder.glob(pattern)]
        names = [PurePosixPath(path.relative_to(run.folder).as_posix()) for path in found]
    return sorted("" if str(name.parent) == "." else str(name.parent) for name in names)


def _opener(run: Sealed, name: str) -> Callable[[], Explanation]:
    def opened() -> Explanation:
        def file(of: str) -> Path | None:
            return run.file(f"{name}/{of}" if name else of)

        return Explanation.read(run.folder / name, file)

    return opened


PARTS = (
    Part("sound", "Listen", make=sounds),
    Part("words", "Word by word", {"map*": ("tokens.csv",)}, (WORDS,), reading=READING),
    Part("heard", "Was each word heard?", {"heard": ("words.csv",)}),
    Part("depth", "By depth", {"layers": ("layers.csv",)}, (LAYERS,)),
    Part("heads", "Heads that listen", {"heads": ("heads.csv",)}, (HEADS,)),
    Part("rivals", "Beside other ways of attribution", {"rivals*": ("rivals.csv",)}, (RIVALS,), RIVALS_READING),
    Part("claims", "Which claims hold?", {}, (CLAIMS, MORE), CLAIMS_READING),
    Part(
        "detectors",
        "Which words are wrong?",
        {"detectors*": ("detectors.csv",)},
        (DETECTORS, JUDGED, THRESHOLDS),
        reading=DETECTING,
    ),
)

LAYOUT = Layout("what a speech recogniser listened to", PARTS)

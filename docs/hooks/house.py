"""The picture of docs/architecture.md, drawn from the imports as they are: ``python docs/hooks/house.py``.

A plain SVG that follows the reader's light or dark theme. A test holds the picture to the source.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "depthscope"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
PACKAGE = "depthscope"
# each may use what stands before it
ROAD = ("corpus", "stimuli", "model", "capture", "instrument", "statistics", "report", "run")
# what every module may use
GROUND = (
    "store",
    "drawing",
    "words",
    "errors",
    "arrays",
    "telling",
    "progress",
    "training",
    "entries",
    "summaries",
    "citation",
    "version",
)
CONSOLE, TOP = "console", "cli"
ABOUT = {
    "corpus": "documents",
    "stimuli": "texts, targets",
    "model": "network, blocks",
    "capture": "Gram matrices",
    "instrument": "CSE and its kind",
    "statistics": "is it there?",
    "report": "page, summary",
    "run": "a folder under way",
}


def name_of(path: Path) -> str:
    """Dotted name of a module."""
    parts = (PACKAGE, *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    return {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Modules of ours that a module imports, at its top or within its functions; not what only type checkers read."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unread = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in unread:
            continue
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            whole = [f"{node.module}.{one.name}" for one in node.names]
            yield from (one if one in known else str(node.module) for one in whole)


def graph() -> dict[str, list[str]]:
    """By module, the modules that it imports."""
    known = modules()
    return {name: sorted({one for one in imports(path, known) if one != name}) for name, path in known.items()}


def wings() -> dict[str, str]:
    """The studies and their folders, as the registry has them; read from its source, so that nothing is imported."""
    tree = ast.parse((SOURCE / "studies" / "registry.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WINGS":
            found: dict[str, str] = ast.literal_eval(node.value)
            return found
    raise LookupError("the registry has no WINGS")


def place_of(module: str) -> str:
    """The room that a module belongs to: a stage, the folder of a study, the ground, the top."""
    for folder in wings().values():
        if module == folder or module.startswith(f"{folder}."):
            return folder.rpartition(".")[2]
    stage = module.split(".")[1] if "." in module else TOP
    return "ground" if stage in GROUND else "registry" if stage == "studies" else stage


WIDTH, MARGIN, GAP = 1060, 20, 12
STYLE = """
svg { font-family: system-ui, sans-serif; color: #1f2733; background: #ffffff }
.box { fill: #f4f6f9; stroke: #c3cad5 } .wing { fill: #eef5fb; stroke: #9db8d3 } .trunk { fill: #dcebf8; stroke: #5b8dbb }
text { fill: #1f2733; font-size: 13px } .name { font-weight: 600 } .small { font-size: 11px; fill: #5a6472 }
.use { fill: #3b7fb5 } .none { fill: none; stroke: #c3cad5 } .arc { fill: none; stroke: #8a94a3 } .road { stroke: #3b7fb5 }
@media (prefers-color-scheme: dark) {
svg { background: #14181f }
.box { fill: #1d232c; stroke: #3c4654 } .wing { fill: #1a2733; stroke: #40617e } .trunk { fill: #1d3449; stroke: #5b8dbb }
text { fill: #e4e8ee } .small { fill: #9aa5b4 } .none { stroke: #3c4654 } .arc { stroke: #697487 } .use { fill: #6fb1e4 }
.road { stroke: #6fb1e4 } }
"""


def draw() -> str:
    """The picture as SVG."""
    uses: Counter[tuple[str, str]] = Counter()
    sizes: Counter[str] = Counter()
    for name, used in graph().items():
        mine = place_of(name)
        sizes[mine] += 1
        uses.update((mine, theirs) for theirs in {place_of(one) for one in used} if theirs != mine)
    studies = list(dict.fromkeys(folder.rpartition(".")[2] for folder in wings().values()))
    lines: list[str] = []
    whole = WIDTH - 2 * MARGIN
    lines += _bar(20, whole, "cli", f"depthscope ...: {sizes[TOP]} modules; knows studies by the registry alone")
    lines += _bar(
        66, whole, "studies/registry", "a map of names to folders: the only place that knows what studies there are"
    )
    lines += _studies(studies, sizes, uses)
    lines += _road(sizes, uses)
    lines += _bar(478, whole, "ground", f"{', '.join(GROUND)}: {sizes['ground']} modules that everything may use")
    alt = "The house of depthscope: command line and registry, studies, the road of stages, the ground"
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 534" role="img" aria-label="{alt}">\n'
        f"<title>{alt}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def _bar(top: int, width: float, name: str, about: str) -> Iterator[str]:
    yield f'<rect x="{MARGIN}" y="{top}" width="{width}" height="36" rx="6" class="box"/>'
    yield _text(MARGIN + 12, top + 23, name, "name")
    yield _text(MARGIN + 150, top + 23, about, "small")


def _studies(studies: list[str], sizes: Counter[str], uses: Counter[tuple[str, str]]) -> Iterator[str]:
    """A box a study; its dots say which stages it uses, in the order of the road, and the last whether it uses the trunk."""
    top, width = 120, (WIDTH - 2 * MARGIN - GAP * (len(studies) - 1)) / len(studies)
    yield _text(
        MARGIN,
        top + 8,
        "studies: six files each; a dot for each stage that one uses, in the order of the road",
        "small",
    )
    for i, study in enumerate(studies):
        left = MARGIN + i * (width + GAP)
        kind = "trunk" if i == 0 else "wing"
        yield f'<rect x="{left:.1f}" y="{top + 20}" width="{width:.1f}" height="112" rx="6" class="{kind}"/>'
        yield _text(left + 10, top + 42, study, "name")
        yield _text(left + 10, top + 60, f"{sizes[study]} modules", "small")
        for k, stage in enumerate(ROAD):
            mark = "use" if uses[study, stage] else "none"
            x = left + 14 + k * (width - 28) / 7
            yield f'<circle cx="{x:.1f}" cy="{top + 84}" r="4" class="{mark}"><title>{stage}</title></circle>'
        if i and uses[study, studies[0]]:
            yield _text(left + 10, top + 116, f"on {studies[0]}", "small")


def _road(sizes: Counter[str], uses: Counter[tuple[str, str]]) -> Iterator[str]:
    """The stages from left to right; arcs below them are imports, as thick as they are many."""
    top, width = 300, (WIDTH - 2 * MARGIN - GAP * (len(ROAD) - 1)) / len(ROAD)
    yield _text(
        MARGIN, top - 12, "the road: each stage may use what stands to its left; an arc: modules that do", "small"
    )
    middle = {stage: MARGIN + i * (width + GAP) + width / 2 for i, stage in enumerate(ROAD)}
    for i, stage in enumerate(ROAD):
        left = MARGIN + i * (width + GAP)
        yield f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="72" rx="6" class="box"/>'
        yield _text(left + 10, top + 22, stage, "name")
        yield _text(left + 10, top + 41, ABOUT[stage], "small")
        yield _text(left + 10, top + 58, f"{sizes[stage]} modules", "small")
    for i, later in enumerate(ROAD):
        for j, earlier in enumerate(ROAD[:i]):
            count = uses[later, earlier]
            if count:
                start, end, base = middle[earlier], middle[later], top + 72
                path = f"M{start:.1f},{base} Q{(start + end) / 2:.1f},{base + 6 + 28 * (i - j)} {end:.1f},{base}"
                kind, thick = "arc road" if i - j == 1 else "arc", 0.6 + count**0.5 / 3
                about = f"{later} uses {earlier} in {count} modules"
                yield f'<path d="{path}" class="{kind}" stroke-width="{thick:.2f}"><title>{about}</title></path>'


def _text(left: float, top: float, words: str, kind: str) -> str:
    return f'<text x="{left:.1f}" y="{top}" class="{kind}">{escape(words)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")

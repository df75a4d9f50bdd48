"""What of a drawing may stand in a page: shapes and words. A received folder may bring anything, and nothing of it may run."""

import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from depthscope.report.page.shapes import ATTRIBUTES, ELEMENTS, FUNCTIONS, PROPERTIES

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
# what matplotlib writes into every drawing; of other style sheets nothing is known
SHEET = "*{stroke-linejoin: round; stroke-linecap: butt}"
PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=\s]*")
OWN = re.compile(r"#[\w.:-]+")
PLAIN = re.compile(r"[-\w\s#.,%()+'\"/&:]*")
DEEPEST = 100


def sanitised(svg: str) -> tuple[str, list[str]]:
    """The drawing with what is allowed and nothing else, and the names of what was left out.

    Allowed are elements that draw, their geometry and colours; links lead to the drawing itself, pictures are PNGs inside it.
    No scripts, no events, no animation, no other documents, nothing that a browser fetches or follows.

    Raises
    ------
    ValueError
        It is no XML, no SVG, or nested beyond all drawings.
    """
    try:
        # from there on nothing can be declared: an entity, however harmless it looks, is an error
        root = ElementTree.fromstring(svg[svg.index("<svg") :])
    except ElementTree.ParseError as problem:
        raise ValueError(f"no XML: {problem}") from None
    dropped: set[str] = set()
    lines: list[str] = []
    _write(root, lines, dropped, 0)
    return "".join(lines), sorted(dropped)


def _write(node: ElementTree.Element, lines: list[str], dropped: set[str], depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("nested beyond all drawings")
    name = _local(node.tag, SVG)
    if name == "metadata":
        return
    known = name in ELEMENTS or (name == "style" and (node.text or "").strip() == SHEET and not len(node))
    if not known or (depth == 0) != (name == "svg"):
        dropped.add(_said(node.tag))
        return
    spaces = f' xmlns="{SVG}" xmlns:xlink="{XLINK}"' if depth == 0 else ""
    given = [(_attribute(key), value) for key, value in node.attrib.items()]
    kept = [(key, safe) for key, value in given if (safe := _value(name, key, value, dropped)) is not None]
    lines.append(f"<{name}{spaces}{''.join(f' {key}={_quoted(value)}' for key, value in kept)}")
    if node.text is None and not len(node):
        lines.append("/>")
        return
    lines.append(f">{_text(node.text)}")
    for child in node:
        _write(child, lines, dropped, depth + 1)
        lines.append(_text(child.tail))
    lines.append(f"</{name}>")


def _local(tag: object, space: str) -> str:
    """The name within its own vocabulary, or nothing."""
    text = str(tag)
    return text.removeprefix(f"{{{space}}}") if text.startswith(f"{{{space}}}") or "{" not in text else ""


def _attribute(key: str) -> str:
    return f"xlink:{key.removeprefix(f'{{{XLINK}}}')}" if key.startswith(f"{{{XLINK}}}") else key


def _value(element: str, key: str, value: str, dropped: set[str]) -> str | None:
    """What may stay of an attribute's value; None: nothing."""
    if key in ("href", "xlink:href"):
        allowed = PICTURE if element == "image" else OWN
        if allowed.fullmatch(value):
            return value
    elif key == "style":
        pairs = [one.split(":", 1) for one in value.split(";") if one.strip()]
        safe = [one for one in pairs if len(one) == 2 and one[0].strip() in PROPERTIES and _harmless(one[1])]
        if len(safe) < len(pairs):
            dropped.add(f"{element} {key}")
        return "; ".join(f"{name.strip()}: {text.strip()}" for name, text in safe) or None
    elif (key in ATTRIBUTES or key in PROPERTIES) and _harmless(value):
        return value
    dropped.add(f"{element} {_said(key)}")
    return None


def _harmless(value: str) -> bool:
    rest = re.sub(rf"url\({OWN.pattern}\)", "", value)
    return bool(PLAIN.fullmatch(rest)) and set(re.findall(r"([\w-]+)\s*\(", rest)) <= FUNCTIONS and "/*" not in rest


def _said(name: object) -> str:
    """A name for a sentence: without the address of its vocabulary, and short."""
    return re.sub(r"\{.*\}", "", str(name))[:40]


def _text(text: str | None) -> str:
    # no quotation mark either: nothing that reads like an attribute is left in words
    return escape(text or "", {'"': "&quot;"})


def _quoted(value: str) -> str:
    return f'"{_text(value)}"'

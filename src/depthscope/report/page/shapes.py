"""The part of SVG that drawings are made of, by name."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTS = _names(
    "svg g defs path use text tspan rect line polyline polygon circle ellipse clipPath pattern linearGradient radialGradient "
    "stop title desc image"
)
ATTRIBUTES = _names(
    "id d x y x1 y1 x2 y2 cx cy r rx ry dx dy width height viewBox version transform points offset rotate textLength type "
    "patternUnits patternTransform patternContentUnits gradientUnits gradientTransform clipPathUnits preserveAspectRatio"
)
# of style, and attributes of their own
PROPERTIES = _names(
    "fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-dasharray stroke-dashoffset opacity clip-path clip-rule font font-size font-family font-weight font-style "
    "font-stretch font-variant letter-spacing text-anchor dominant-baseline visibility stop-color stop-opacity image-rendering"
)
FUNCTIONS = _names("rgb rgba hsl hsla rotate scale translate matrix skewX skewY")

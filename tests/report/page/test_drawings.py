"""Of a drawing that somebody else made, shapes and words come into the page and nothing else."""

from xml.etree import ElementTree

import pytest

from depthscope.report.page.drawings import sanitised

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
# harmless markers: each would be found again if it came through
STRANGE = {
    "script": "<script>MARK</script>",
    "script of its own vocabulary": '<h:script xmlns:h="http://www.w3.org/1999/xhtml">MARK</h:script>',
    "event": '<g onclick="MARK"/>',
    "event in capitals": '<g ONLOAD="MARK"/>',
    "event at the root": None,
    "foreign": "<foreignObject><p>MARK</p></foreignObject>",
    "link": '<a href="https://MARK.example"><text>word</text></a>',
    "old link": '<a xlink:href="https://MARK.example"><text>word</text></a>',
    "animation": '<path d="M0 0"><animate attributeName="href" values="MARK"/></path>',
    "set": '<rect><set attributeName="fill" to="MARK"/></rect>',
    "use of another file": '<use xlink:href="MARK.svg#a"/>',
    "use of data": '<use href="data:image/svg+xml,MARK"/>',
    "picture from elsewhere": '<image xlink:href="https://MARK.example/a.png"/>',
    "picture that is a drawing": '<image href="data:image/svg+xml;base64,MARK"/>',
    "style that fetches": '<rect style="fill: url(https://MARK.example/a)"/>',
    "style of the page": '<rect style="position: fixed; MARK: 1"/>',
    "fill that fetches": '<rect fill="url(https://MARK.example)"/>',
    "escaped": '<rect style="fill: u\\72l(MARK)"/>',
    "sheet": "<style>@import 'MARK';</style>",
    "class": '<g class="MARK"/>',
    "filter": '<filter id="MARK"><feImage href="https://x.example"/></filter>',
    "drawing in a drawing": "<svg><text>MARK</text></svg>",
    "processing": "<?xml-stylesheet href='MARK'?>",
    "comment": "<!--MARK-->",
}


@pytest.mark.parametrize("how", STRANGE)
def test_what_is_strange_is_left_out_and_the_rest_stays(how):
    body = STRANGE[how] or ""
    head = HEAD if body else HEAD.replace("viewBox", 'onload="MARK" viewBox')
    svg, dropped = sanitised(f'<?xml version="1.0"?>{head}<g id="kept"><text>words</text>{body}</g></svg>')
    assert "MARK" not in svg
    assert "example" not in svg
    root = ElementTree.fromstring(svg)
    assert [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")] == ["words"]
    assert bool(dropped) == (how not in ("processing", "comment"))


def test_what_a_drawing_is_made_of_stays():
    body = (
        '<defs><style type="text/css">*{stroke-linejoin: round; stroke-linecap: butt}</style><clipPath id="c"><rect x="1" y="2"'
        ' width="3" height="4"/></clipPath></defs><g clip-path="url(#c)"><path id="m" d="M 0 0 L 1e-3 -2.5 z" '
        'style="fill: url(#h); fill-opacity: 0.16; stroke: #d55e00; stroke-dasharray: 3.7,1.6"/><use xlink:href="#m" x="1"/>'
        "<text style=\"font-family: 'DejaVu Sans', sans-serif; text-anchor: middle\" "
        'transform="rotate(-90 10 20)">a &lt; b &amp; c</text><image xlink:href="data:image/png;base64,iVBORw0KGgo=" '
        'transform="scale(1 -1) translate(0 -3)"/></g>'
    )
    svg, dropped = sanitised(f"{HEAD}{body}</svg>")
    assert dropped == []
    before, after = ElementTree.fromstring(f"{HEAD}{body}</svg>"), ElementTree.fromstring(svg)
    nodes = [[(node.tag, node.text, node.attrib) for node in tree.iter()] for tree in (before, after)]
    assert nodes[0] == nodes[1]


@pytest.mark.parametrize(
    "text",
    [
        "<html>",
        "<svg",
        "<svg><g></svg>",
        "<svg>&entity;</svg>",
        "<svg/><svg/>",
        "<svg>" + "<g>" * 200 + "</g>" * 200 + "</svg>",
    ],
)
def test_what_is_no_drawing_is_no_drawing(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whoever reads the file says which it was
        sanitised(text)


def test_words_that_read_like_an_attribute_stay_words():
    svg, _ = sanitised(f'{HEAD}<text>id="a" href="#b"</text></svg>')
    assert 'id="' not in svg
    assert ElementTree.fromstring(svg)[0].text == 'id="a" href="#b"'

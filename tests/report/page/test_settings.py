from depthscope.report.page.settings import settings_section


def test_what_is_nested_is_told_with_dots_and_what_is_open_is_not():
    blocks = {"Asked": {"a": {"b": 1, "c": None, "d": {"e": [1, 2]}}, "f": False, "g": "<x>"}, "Empty": {"h": None}}
    section = settings_section(blocks, "do it")
    assert section.content["blocks"] == {"Asked": {"a.b": "1", "a.d.e": "1, 2", "f": "False", "g": "<x>"}}
    assert section.content["command"] == "do it"

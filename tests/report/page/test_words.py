from html import unescape

import pytest

from depthscope.report.page.words import marked, plain


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("plain", "plain"),
        ("**No.** It is `a`", "<strong>No.</strong> It is <code>a</code>"),
        ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
        ("[x](javascript:alert(1)) ![y](z)", "[x](javascript:alert(1)) ![y](z)"),
        ("<https://a.b> https://a.b &lt;", "&lt;https://a.b&gt; https://a.b &amp;lt;"),
        ("\"q\" & 'r'", "&quot;q&quot; &amp; &#x27;r&#x27;"),
    ],
)
def test_only_emphasis_and_names_are_markup(text, markup):
    assert marked(text) == markup
    assert marked(text).__html__() == markup  # a template takes it as it is


@pytest.mark.parametrize("text", ["a*b* `c` _d_ **e**", "\\*", "<b>", "", "ends with \\"])
def test_a_plain_sentence_marks_nothing(text):
    assert unescape(marked(plain(text))) == text

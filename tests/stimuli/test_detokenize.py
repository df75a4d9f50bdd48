"""Running text from tokens, without losing the place of one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from depthscope.stimuli.detokenize import detokenize

PLAIN = {"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}
TOKEN = st.one_of(
    st.sampled_from([*PLAIN, *".,;:!?()[]{}%$£\"'‘’“”…", "...", "n't", "'s", "’ll", "--", "dogs"]),
    st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=6),
)


@given(st.lists(TOKEN, max_size=20))
@example(["dogs", "'", "bowls", "'", "'"])
@example(["''", "a", "``"])
def test_every_token_stands_where_its_offsets_say(tokens):
    text, offsets = detokenize(tokens)
    assert [text[start:end] for start, end in offsets] == [PLAIN.get(token, token) for token in tokens]


@given(st.lists(TOKEN, max_size=20))
def test_offsets_are_ordered_disjoint_and_cover_all_but_spaces(tokens):
    text, offsets = detokenize(tokens)
    at = 0
    for start, end in offsets:
        assert text[at:start] in ("", " ")
        at = end
    assert at == len(text)
    assert text.replace(" ", "") == "".join(PLAIN.get(token, token) for token in tokens)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Ca n't stop , he said .", "Can't stop, he said."),
        ("I 'm sure we 'll see Anna 's dog !", "I'm sure we'll see Anna's dog!"),
        ("It ’s hers , is n’t it ?", "It’s hers, isn’t it?"),
        ('He said : " Go on . " Then he left .', 'He said: "Go on." Then he left.'),
        ("`` No , '' she said , `` never . ''", '"No," she said, "never."'),
        ("She said ‘ yes ’ and “ no ” .", "She said ‘yes’ and “no”."),
        ("The plan ( see -LRB- 2 -RRB- below ) failed .", "The plan (see (2) below) failed."),
        ("the dogs ' bowls", "the dogs' bowls"),
        ("It cost $ 5 , about 3 % of £ 170 ...", "It cost $5, about 3% of £170..."),
        ("", ""),
    ],
)
def test_text_reads_as_a_writer_would_write_it(tokens, text):
    assert detokenize(tokens.split())[0] == text

"""From a word to character offsets, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.stimuli.target import check_offsets, locate

ROW = "set: item 'x', condition 'a'"
WORDS = st.lists(st.from_regex(r"[a-zäß]{1,8}", fullmatch=True), min_size=1, max_size=12, unique_by=str.lower)


@given(words=WORDS, data=st.data())
def test_a_word_is_found_where_it_was_put(words, data):
    number = data.draw(st.integers(0, len(words) - 1))
    start, end = locate(" ".join(words), words[number], None, ROW)
    assert start == len(" ".join([*words[:number], ""]))
    assert end == start + len(words[number])


@pytest.mark.parametrize(
    ("text", "target", "offsets"),
    [
        ("The sharks met a shark.", "shark", (17, 22)),  # whole words only
        ("Shark eats shark.", "shark", (11, 16)),  # exact case goes first
        ("SHARK!", "shark", (0, 5)),  # other case where nothing else is found
        ("He likes C++, not C.", "C++", (9, 12)),
        ("A (loan) shark", "loan) shark", (3, 14)),  # no pattern, just characters
        ("It's Anna's shark", "Anna's", (5, 11)),
    ],
)
def test_what_counts_as_the_word(text, target, offsets):
    assert locate(text, target, None, ROW) == offsets


def test_an_occurrence_is_counted_from_one():
    text = "A wall is a wall is a wall."
    assert [text[slice(*locate(text, "wall", k, ROW))] for k in (1, 2, 3)] == ["wall"] * 3
    assert [locate(text, "wall", k, ROW)[0] for k in (1, 2, 3)] == [2, 12, 22]


@pytest.mark.parametrize("occurrence", [0, 4, -1])
def test_an_occurrence_that_is_not_there_is_refused(refuses, occurrence):
    with refuses(ROW, f"occurrence {occurrence}", "'wall'", "3 times"):
        locate("wall, wall, wall", "wall", occurrence, ROW)


def test_a_repeated_target_is_refused_with_two_ways_out(refuses):
    with refuses(ROW, "'wall'", "2 times", "occurrence", "start and end"):
        locate("wall to wall", "wall", None, ROW)


def test_an_absent_target_is_refused_with_ways_out(refuses):
    with refuses(ROW, "'whale' is not in the text", "correct it", "start and end"):
        locate("The big fish is a shark.", "whale", None, ROW)


def test_a_target_inside_a_longer_word_is_refused_as_such(refuses):
    with refuses(ROW, "'shark'", "only inside a longer word"):
        locate("Two sharks.", "shark", None, ROW)


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (0, 99), (5, 5), (6, 5), (10, 11)])
def test_offsets_outside_the_text_are_refused(refuses, start, end):
    with refuses(ROW, f"{start} to {end}", "outside the text", "10 characters"):
        check_offsets("ten chars.", start, end, "", ROW)


@pytest.mark.parametrize(
    ("text", "start", "end", "edge"),
    [
        ("a cafe\u0301 here", 2, 6, 6),  # e and its acute accent
        ("a cafe\u0301 here", 6, 7, 6),
        ("\U0001f468\u200d\U0001f469 left", 0, 1, 1),  # before the zero-width joiner
        ("\U0001f468\u200d\U0001f469 left", 2, 3, 2),  # behind it
        ("a \U0001f44d\U0001f3fd!", 2, 3, 3),  # a thumb and its skin tone
        ("red \u2764\ufe0f", 4, 5, 5),  # a heart and its variation selector
    ],
)
def test_an_offset_inside_a_character_is_refused(refuses, text, start, end, edge):
    with refuses(ROW, f"offset {edge} ", "inside a character"):
        check_offsets(text, start, end, "", ROW)


def test_whole_composed_characters_are_accepted():
    check_offsets("a cafe\u0301 here", 2, 7, "cafe\u0301", ROW)
    check_offsets("\U0001f468\u200d\U0001f469 left", 0, 3, "", ROW)
    check_offsets("a naïve idea", 2, 7, "naïve", ROW)


def test_a_word_that_ends_inside_a_character_is_refused(refuses):
    with refuses(ROW, "inside a character"):
        locate("a cafe\u0301 here", "cafe", None, ROW)
    with refuses(ROW, "inside a character"):
        check_offsets("a cafe\u0301 here", 2, 6, "", ROW)


@pytest.mark.parametrize(
    ("text", "target"),
    [("वह नाराज है", "राज"), ("विकल मन", "कल"), ("un re\u0301sume\u0301", "sume\u0301"), ("sh\u00adarks", "arks")],
)
def test_a_part_of_a_word_is_refused_in_any_script(refuses, text, target):
    with refuses(ROW, "only inside a longer word"):
        locate(text, target, None, ROW)


def test_a_word_is_counted_where_it_stands_and_not_inside_others():
    text = "वह नाराज है और राज यहाँ"
    assert text[slice(*locate(text, "राज", 1, ROW))] == "राज"
    assert locate(text, "राज", None, ROW) == (15, 18)
    assert locate("I don't know the don", "don", None, ROW) == (17, 20)


def test_places_that_overlap_are_refused(refuses):
    with refuses(ROW, "2 times", "overlap", "start and end"):
        locate("ha ha ha", "ha ha", 1, ROW)


def test_offsets_that_hold_another_word_are_refused(refuses):
    with refuses(ROW, "4 to 7", "hold 'big'", "not the target 'fish'"):
        check_offsets("The big fish", 4, 7, "fish", ROW)


def test_offsets_that_hold_nothing_but_space_are_refused(refuses):
    with refuses(ROW, "3 to 4", "blank"):
        check_offsets("The big fish", 3, 4, "", ROW)

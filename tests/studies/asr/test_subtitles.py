"""Subtitles: what a reader of each format finds in them are the words, in cues that can be read."""

import html
import json
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthscope.errors import DepthscopeError
from depthscope.studies.asr.subtitles import LINE, cues, srt, vtt, whisper_json

TIME = r"(\d\d+):(\d\d):(\d\d)[.,](\d{3})"


def table(*rows):
    return pd.DataFrame(rows, columns=["text", "start", "end"])


def evenly(text, length=0.3, start=0.0):
    words = text.split()
    return table(*((word, start + i * length, start + (i + 1) * length) for i, word in enumerate(words)))


def seconds(groups):
    hours, minutes, whole, rest = map(int, groups)
    return 3600 * hours + 60 * minutes + whole + rest / 1000


def parsed(text, mark):
    """(start, end, lines) of each cue, as the formats define them: blocks between blank lines, times in one line."""
    found = []
    for block in re.split(r"\n\n+", text.strip("\n")):
        lines = block.split("\n")
        if mark == ",":
            assert lines.pop(0) == str(len(found) + 1)
        elif lines == ["WEBVTT"]:
            continue
        times = re.fullmatch(f"{TIME} --> {TIME}", lines[0])
        assert lines[0].count(mark) == 2
        found.append((seconds(times.groups()[:4]), seconds(times.groups()[4:]), lines[1:]))
    return found


def test_a_sentence_as_it_stands_in_each_format():
    words = evenly("Say hello, Dr. Jones. We left.", 0.5, 3599.5)
    assert srt(words) == (
        "1\n00:59:59,500 --> 01:00:01,500\nSay hello, Dr. Jones.\n\n2\n01:00:01,500 --> 01:00:02,500\nWe left.\n\n"
    )
    assert vtt(words) == (
        "WEBVTT\n\n00:59:59.500 --> 01:00:01.500\nSay hello, Dr. Jones.\n\n01:00:01.500 --> 01:00:02.500\nWe left.\n\n"
    )


def test_a_pause_and_the_end_of_a_sentence_divide_and_a_short_pause_does_not():
    words = table(("a", 0, 1), ("b", 1.7, 2), ("c", 2.9, 3), ("door.", 3, 4), ("e", 4, 5))
    assert [cue.lines for cue in cues(words)] == [("a b",), ("c door.",), ("e",)]
    assert [(cue.start, cue.end) for cue in cues(words)] == [(0, 2000), (2900, 4000), (4000, 5000)]


def test_lines_are_of_nearly_the_same_length():
    text = "several people in the long line were waiting for an answer that never"
    (cue,) = cues(evenly(text, 0.3))
    assert " ".join(cue.lines) == text
    assert len(cue.lines) == 2
    assert abs(len(cue.lines[0]) - len(cue.lines[1])) < 8


def test_signs_of_the_formats_are_text_and_nothing_else():
    text = "if a<b && c>d then 00:00:01,000 --> 00:00:02,000 <b>bold</b> {\\an8} &amp; 7"
    words = evenly(text, 0.1)
    (_, _, lines), *_ = parsed(vtt(words), ".")
    assert html.unescape(" ".join(lines)) == text
    body = vtt(words).split("\n", 3)[3]
    assert "<" not in body
    assert "-->" not in body
    ((_, _, lines),) = parsed(srt(words), ",")
    shown = " ".join(lines)
    assert shown.replace("\u2060", "") == text
    assert not re.search(r"-->|<[/\w]|\{\\", shown)
    assert "a<\u2060b" in shown


def test_blank_lines_and_control_characters_do_not_end_a_cue():
    words = table(("one\n\n2\n00:00:05,000", 0, 1), ("two\x00\r\n\r\n", 1, 2), ("  \n", 2, 3), (" ", np.nan, np.nan))
    ((_, _, lines),) = parsed(srt(words), ",")
    assert lines == ["one 2 00:00:05,000 two"]


def test_words_without_a_time_share_what_their_neighbours_leave():
    words = table(
        ("a", np.nan, np.nan), ("b", 1, 2), ("23", np.nan, np.nan), ("%", np.nan, np.nan), ("c", 3, 4), ("d", np.nan, 5)
    )
    (cue,) = cues(words)
    assert [(word.start, word.end) for word in cue.words] == [(1, 1), (1, 2), (2, 2.5), (2.5, 3), (3, 4), (4, 4)]
    assert cue.lines == ("a b 23 % c d",)


def test_one_word_far_off_does_not_move_the_others():
    words = evenly("a b c d e", 0.5)
    words.loc[1, ["start", "end"]] = 50.0, 51.0
    words.loc[3, ["start", "end"]] = 0.0, 0.1
    (cue,) = cues(words)
    assert [word.start for word in cue.words] == [0, 0.5, 1, 1.5, 2]


def test_words_with_spaces_of_their_own_are_joined_as_they_are():
    words = table(
        (" No", 0, 1), ("-one", 1, 2), (" said", 2, 3), (" so", 3, 4), (".", 4, 4.5), ("”", 4.5, 4.6), (" Ja", 4.6, 5)
    )
    assert [cue.lines for cue in cues(words)] == [("No-one said so.”",), ("Ja",)]
    assert json.loads(whisper_json(words))["text"] == " No-one said so.” Ja"
    # without any space between words
    signs = table((" 今", 0, 1), *((sign, 1 + i / 10, 1.1 + i / 10) for i, sign in enumerate("日は良い天気" * 10)))
    found = cues(signs)
    assert "".join("".join(cue.lines) for cue in found) == "今" + "日は良い天気" * 10
    assert max(len(line) for cue in found for line in cue.lines) <= LINE


def test_the_form_of_whisper():
    words = evenly("Well done. 23 % more", 0.5).assign(log_p=[0.0, np.log(0.5), np.nan, -1, -2])
    found = json.loads(whisper_json(words, "de"))
    assert list(found) == ["text", "segments", "language"]
    assert (found["text"], found["language"]) == (" Well done. 23 % more", "de")
    first, second = found["segments"]
    assert first == {
        "id": 0,
        "start": 0.0,
        "end": 1.0,
        "text": " Well done.",
        "words": [
            {"word": " Well", "start": 0.0, "end": 0.5, "probability": 1.0},
            {"word": " done.", "start": 0.5, "end": 1.0, "probability": pytest.approx(0.5)},
        ],
    }
    assert second["words"][0] == {"word": " 23", "start": 1.0, "end": 1.5}


def test_nothing_said_is_no_cue_and_words_without_any_time_are_refused():
    assert srt(table()) == ""
    assert vtt(table(("  ", 0, 1))) == "WEBVTT\n\n"
    assert json.loads(whisper_json(table()))["segments"] == []
    with pytest.raises(DepthscopeError, match="none of them has a time"):
        srt(table(("a", np.nan, np.nan), ("b", -1, 0), ("c", 2, 1)))
    with pytest.raises(DepthscopeError, match="no column end"):
        srt(pd.DataFrame({"text": ["a"], "start": [0]}))


time = st.one_of(st.just(np.nan), st.floats(0, 30), st.integers(0, 5).map(float))
rows = st.lists(
    st.tuples(st.text(st.sampled_from("ab .!<>&-{\\\n"), max_size=100), time, st.floats(0, 12)), min_size=1, max_size=40
)


@settings(max_examples=150, deadline=None)
@given(rows, st.booleans())
def test_cues_can_be_read_follow_each_other_and_lose_nothing(rows, ordered):
    words = table(("first", 0.0, 0.5), *((text, start, start + length) for text, start, length in rows))
    if ordered:
        words["start"] = np.sort(words.start)
    found = cues(words)
    said = "".join("".join(words.text).split())
    assert "".join("".join("".join(cue.lines).split()) for cue in found) == said
    for cue in found:
        assert 1 <= len(cue.lines) <= 2
        assert all(0 < len(line) <= LINE and line == line.strip() for line in cue.lines)
        assert 0 <= cue.start < cue.end <= cue.start + 7000
    assert all(a.end <= b.start for a, b in pairwise(found))
    times = [(word.start, word.end) for cue in found for word in cue.words]
    assert times == sorted(times)
    for text, mark in ((srt(words), ","), (vtt(words), ".")):
        again = parsed(text, mark)
        assert [(round(1000 * start), round(1000 * end)) for start, end, _ in again] == [
            (c.start, c.end) for c in found
        ]
        assert [len(lines) for _, _, lines in again] == [len(cue.lines) for cue in found]
    assert len(json.loads(whisper_json(words))["segments"]) == len(found)

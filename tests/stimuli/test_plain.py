"""What looks alike: said, and put into one form."""

import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.stimuli.plain import plain
from depthscope.stimuli.read import read_stimuli
from depthscope.stimuli.target import check_offsets, locate

ROW = "set: item 'x', condition 'a'"
E_ACUTE = "e\u0301"
ALIKE = [
    # text, target, signs that are named, the text in one form
    ("That isn’t it.", "isn't", ["U+2019 RIGHT SINGLE QUOTATION MARK", "U+0027"], "That isn't it."),
    ("That isn't it.", "isn’t", ["U+0027 APOSTROPHE", "U+2019"], "That isn't it."),
    ("The café.", f"caf{E_ACUTE}", ["U+00E9", "U+0301 COMBINING ACUTE ACCENT"], "The café."),
    (f"The caf{E_ACUTE}.", "café", ["U+00E9", "U+0301"], "The café."),
    ("An ice\u00a0cream.", "ice cream", ["U+00A0 NO-BREAK SPACE", "U+0020 SPACE"], "An ice cream."),
    ("A ten\u202fkg bag.", "ten kg", ["U+202F NARROW NO-BREAK SPACE"], "A ten kg bag."),
    ("A co\u2011op.", "co-op", ["U+2011 NON-BREAKING HYPHEN", "U+002D HYPHEN-MINUS"], "A co-op."),
    ("A co\u2010op.", "co-op", ["U+2010 HYPHEN"], "A co-op."),
    ("A sh\u00adark.", "shark", ["U+00AD SOFT HYPHEN", "which the target lacks"], "A shark."),
    ("A shark.", "sh\u00adark", ["U+00AD SOFT HYPHEN", "which the target has"], "A shark."),
    ("A sh\u200bark.", "shark", ["U+200B ZERO WIDTH SPACE"], "A shark."),
    ("A sh\u200cark.", "shark", ["U+200C ZERO WIDTH NON-JOINER"], "A shark."),
    ("A sh\u200dark.", "shark", ["U+200D ZERO WIDTH JOINER"], "A shark."),
    ("A sh\u2060ark.", "shark", ["U+2060 WORD JOINER"], "A shark."),
    ("A sh\ufeffark.", "shark", ["U+FEFF ZERO WIDTH NO-BREAK SPACE"], "A shark."),
    ("A \uff53\uff48\uff41\uff52\uff4b.", "shark", ["U+FF53 FULLWIDTH LATIN SMALL LETTER S"], "A shark."),
    ("彼は\uff8a\uff9e\uff85\uff85だ", "バナナ", ["U+FF8A HALFWIDTH KATAKANA LETTER HA"], "彼はバナナだ"),
    ("قرأ كـتـابا", "كتابا", ["U+0640 ARABIC TATWEEL, which the target lacks"], "قرأ كتابا"),
    ("قرأ كتابا", "كتـابا", ["U+0640 ARABIC TATWEEL, which the target has"], "قرأ كتابا"),
    ("A 'loan” shark.", 'loan"', ["U+201D RIGHT DOUBLE QUOTATION MARK"], "A 'loan\" shark."),
]


@pytest.mark.parametrize(("text", "target", "named", "form"), ALIKE)
def test_the_sign_that_differs_is_named_and_one_form_finds_the_target(refuses, text, target, named, form):
    rows = [{"item": "x", "condition": "a", "text": text, "target": target}]
    with refuses("item 'x'", "is not in the text, which", *named, "--normalize"):
        read_stimuli(rows, paired=False)
    (row,) = read_stimuli(rows, paired=False, normalize=True).to_dict("records")
    assert row["text"] == form
    assert row["text"][row["start"] : row["end"]] == row["target"] == plain(target).text


POINTED = [
    # with points, without them, the sign that is named
    ("كِتَابًا", "كتابا", "U+0650 ARABIC KASRA"),
    ("شدّة", "شدة", "U+0651 ARABIC SHADDA"),
    ("هٰذا", "هذا", "U+0670 ARABIC LETTER SUPERSCRIPT ALEF"),
    ("שָׁלוֹם", "שלום", "U+05B8 HEBREW POINT QAMATS"),
    ("أسدٌ", "أسد", "U+064C ARABIC DAMMATAN"),
    ("أَسَدُ", "أسد", "U+064E ARABIC FATHA"),
    ("كـِتَاب", "كتاب", "U+0640 ARABIC TATWEEL"),
]


@pytest.mark.parametrize(("pointed", "bare", "sign"), POINTED)
def test_short_vowels_that_one_of_the_two_leaves_out_are_named_and_mended(refuses, pointed, bare, sign):
    for held, target in ((pointed, bare), (bare, pointed)):
        rows = [{"item": "x", "condition": "a", "text": f"{held} - {held}x", "target": target}]
        with refuses("item 'x'", "is not in the text, which", sign, "--normalize"):
            read_stimuli(rows, paired=False)
        (row,) = read_stimuli(rows, paired=False, normalize=True).to_dict("records")
        assert (row["text"], row["target"]) == (f"{bare} - {bare}x", bare)
        offsets = [{**rows[0], "start": 0, "end": len(held)}]
        with refuses("not the target", sign, "--normalize"):
            read_stimuli(offsets, paired=False)
        assert read_stimuli(offsets, paired=False, normalize=True)["target"][0] == bare


def test_short_vowels_stay_where_every_target_is_found_with_them_and_go_from_all_rows_else(refuses):
    rows = [
        {"item": "x", "condition": c, "text": f"هو {word} هنا", "target": word}
        for c, word in (("a", "كَتَبَ"), ("b", "كُتِبَ"))
    ]
    assert list(read_stimuli(rows, normalize=True)["target"]) == ["كَتَبَ", "كُتِبَ"]
    more = [*rows, {**rows[0], "condition": "c", "target": "كتب"}]
    assert list(read_stimuli(more, normalize=True)["text"]) == ["هو كتب هنا"] * 3
    # other vowels make another word
    with refuses("'كُتِبَ' is not in the text: correct it"):
        read_stimuli([{**rows[0], "target": "كُتِبَ"}], paired=False)


@pytest.mark.parametrize(
    ("text", "target", "named"),
    [
        ("They gave  up.", "gave up", "U+0020 SPACE"),
        ("They gave\nup.", "gave up", "U+000A LINE FEED"),
        ("هو کتاب", "كتاب", "U+06A9 ARABIC LETTER KEHEH where the target has U+0643"),
        ("From Paris–Dakar on.", "Paris-Dakar", "U+2013 EN DASH"),
        ("Die Maße stimmen.", "Masse", "U+00DF LATIN SMALL LETTER SHARP S where the target has U+0073"),
        ("Elle ferme l'œil.", "oeil", "U+0153 LATIN SMALL LIGATURE OE where the target has U+006F"),
        ("A sh\u0430rk.", "shark", "U+0430 CYRILLIC SMALL LETTER A where the target has U+0061"),
        ("می\u200cخواهم", "میخواهم", "U+200C ZERO WIDTH NON-JOINER"),
    ],
)
def test_what_a_text_may_mean_is_named_and_stays(refuses, text, target, named):
    with refuses(ROW, "is not in the text, which has", named, "write both alike, or give start and end"):
        locate(text, target, None, ROW)
    assert plain(text).text == text


def test_what_looks_different_is_simply_not_there(refuses):
    with refuses(ROW, "'whale' is not in the text: correct it"):
        locate("It isn’t a fish.", "whale", None, ROW)


def test_offsets_that_hold_the_target_in_another_form_say_so(refuses):
    with refuses("5 to 10", "not the target", "U+2019", "U+0027", "--normalize"):
        check_offsets("That isn’t it.", 5, 10, "isn't", ROW)


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",  # joiners that shape letters
        "क्\u200dष",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 and ❤\ufe0f",
        "ខ្ញុំ\u200bឃើញ",  # a space of no width that parts words
        "你好，世界！（鲨鱼）",  # punctuation of full width is at home there
        "½ m² is 5 % of £10 … or “more” – or less™".replace("“", '"').replace("”", '"'),
    ],
)
def test_what_carries_meaning_stays(text):
    assert plain(text).text == text


def test_offsets_move_along_and_conditions_do_not(refuses):
    text = "\ufeffThe cafe\u0301 isn’t a sh\u00adark."
    start = text.index("sh")
    rows = [{"item": "x", "condition": "a’b", "text": text, "start": start, "end": start + 6}]
    (row,) = read_stimuli(rows, paired=False, normalize=True).to_dict("records")
    assert (row["text"], row["target"]) == ("The café isn't a shark.", "shark")
    assert row["text"][row["start"] : row["end"]] == "shark"
    assert row["condition"] == "a’b"
    with refuses("outside the text"):
        read_stimuli([{**rows[0], "end": 99}], paired=False, normalize=True)


def test_a_text_of_nothing_to_be_seen_is_refused(refuses):
    with refuses("item 'x'", "nothing that can be seen"):
        read_stimuli(
            [{"item": "x", "condition": "a", "text": "\u00ad\u2060", "target": "a"}], paired=False, normalize=True
        )


def test_one_form_in_files_with_and_without_offsets(tmp_path):
    path = tmp_path / "texts.csv"
    table = pd.DataFrame(
        [("x", "a", "It isn’t.", "isn't", None, None), ("x", "b", "So isn’t he.", "", 3, 8)],
        columns=["item", "condition", "text", "target", "start", "end"],
    )
    table.to_csv(path, index=False)
    read = read_stimuli(path, normalize=True)
    assert list(read["target"]) == ["isn't", "isn't"]
    assert list(read["start"]) == [3, 3]


SIGNS = st.text(
    "aé '\u2019\u00ad\u200b\u200d\u0301\u0327\ufe0f\u202f\uff8a\uff9e\uff21\ufb01\u1100\u1161東न", max_size=12
)


@given(st.text(max_size=20) | SIGNS)
def test_one_form_is_final_composed_and_keeps_its_places(text):
    form = plain(text)
    assert len(form.origin) == len(form.text) + 1
    assert form.origin == sorted(form.origin)
    assert plain(form.text).text == form.text
    assert unicodedata.is_normalized("NFC", form.text)
    assert all(form.at(place) <= len(form.text) for place in range(len(text) + 1))

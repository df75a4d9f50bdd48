"""Word times: the synthesiser's against the energy of its sound, another recogniser's against the synthesiser's, a user's."""

import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from depthscope.errors import DepthscopeError
from depthscope.stimuli.sound import Sound, read_sound
from depthscope.studies.asr.truth import times as truth
from depthscope.studies.asr.truth.times import (
    HELD_OUT,
    HELD_OUT_VOICES,
    SENTENCES,
    VOICES,
    align,
    read_words,
    synthesise,
)

SPEECH = Path(os.environ.get("DEPTHSCOPE_SHARED", "/work/shared")) / "data" / "speech" / "librivox"
ECHO = ("f2", "f3", "f4", "f5")


@pytest.fixture(scope="module")
def espeak():
    pytest.importorskip("espeakng_loader", reason="extra asr-truth: espeak-ng by espeakng-loader")
    from depthscope.studies.asr.truth import espeak

    return espeak


@pytest.fixture(scope="module")
def sphinx():
    return pytest.importorskip("pocketsphinx", reason="extra asr-truth: pocketsphinx")


def loud(sound, start, end):
    part = sound.samples[round(start * sound.rate) : round(end * sound.rate)]
    return float(np.sqrt(np.mean(np.square(part, dtype=float))))


# the synthesiser


@pytest.mark.parametrize("voice", VOICES + HELD_OUT_VOICES)
def test_words_that_are_paused_between_are_exactly_where_there_is_sound(espeak, voice):
    spoken = synthesise("Milk, butter, honey, lemon, salmon, garlic.", voice=voice)
    words, sound = spoken.words, spoken.sound
    assert list(words.word) == ["Milk,", "butter,", "honey,", "lemon,", "salmon,", "garlic."]
    within = np.zeros(len(sound.samples), bool)
    for start, end in zip(words.start, words.end, strict=True):
        within[round(start * sound.rate) : round(end * sound.rate)] = True
        assert loud(sound, start, end) > 0.02
    # 10 ms for the filter and what rings on: nothing is heard outside, but the echo of some voices
    near = np.convolve(within, np.ones(321), "same") > 0
    assert np.abs(sound.samples[~near]).max() < (0.05 if voice[-2:] in ECHO else 1e-3)
    assert (words.start[1:].to_numpy() - words.end[:-1].to_numpy() > 0.1).all()
    # a nasal and a lateral are heard at once
    if voice[-2:] not in ECHO:
        for start in words.start[[0, 3]]:
            assert loud(sound, start, start + 0.03) > 0.005
            assert loud(sound, start - 0.03, start - 0.005) < 1e-3


def test_silence_is_as_long_as_asked_for(espeak):
    spoken = synthesise("Amber.", before=0.5, after=1.0)
    assert spoken.words.start[0] == 0.5
    assert loud(spoken.sound, 0, 0.495) < 1e-4
    assert spoken.sound.seconds - spoken.words.end[0] == pytest.approx(1.0, abs=0.02)
    assert spoken.sound.rate == 16_000
    assert synthesise("Amber.", to=22_050).sound.rate == 22_050


def test_times_do_not_depend_on_the_rate_of_the_sound(espeak):
    a, b = synthesise(SENTENCES[0]), synthesise(SENTENCES[0], to=48_000)
    pd.testing.assert_frame_equal(a.words, b.words)
    assert a.sound.seconds == pytest.approx(b.sound.seconds, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("She paid 23 dollars for 1,204 pins.", ["She", "paid", "23", "dollars", "for", "1,204", "pins."]),
        (
            "One of the men in the boat did not row.",
            ["One", "of", "the", "men", "in", "the", "boat", "did", "not", "row."],
        ),
        ("Well - it's a state-of-the-art plan.", ["Well", "it's", "a", "state-of-the-art", "plan."]),
        ("salt  &\npepper — 5 % — “more”!", ["salt", "&", "pepper", "5", "%", "“more”!"]),
        ("The café at 10:30 in Zürich?", ["The", "café", "at", "10:30", "in", "Zürich?"]),
    ],
)
def test_every_written_word_has_one_interval(espeak, text, words):
    found = synthesise(text).words
    assert list(found.word) == words
    assert (found.end > found.start).all()
    assert (found.start[1:].to_numpy() >= found.end[:-1].to_numpy()).all()


def test_a_number_lasts_as_long_as_its_words(espeak):
    def length(text):
        return (lambda row: row.end - row.start)(synthesise(f"We saw {text} today.").words.iloc[2])

    assert length("1,204") > 2.5 * length("4")


def test_words_spoken_in_one_breath_are_divided_where_the_second_begins(espeak, sphinx):
    text = "We walked to the end of the road in the rain."
    spoken = synthesise(text)
    found = align(spoken.sound, text)
    assert list(spoken.words.word) == text.split()
    assert np.abs(found.start - spoken.words.start).max() < 0.06


def test_the_same_call_gives_the_same_samples_whatever_was_said_before(espeak):
    first = synthesise(SENTENCES[1]).sound.digest
    synthesise(SENTENCES[2], voice="en-gb", words_per_minute=200, pitch=80)
    assert synthesise(SENTENCES[1]).sound.digest == first


def test_threads_take_turns(espeak):
    wanted = [synthesise(text).sound.digest for text in SENTENCES[:6]]
    found = [""] * 6

    def work(i):
        found[i] = synthesise(SENTENCES[i]).sound.digest

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == wanted


def test_a_hundred_texts_leave_no_memory_behind(espeak):
    resource = pytest.importorskip("resource")
    for _ in range(20):
        espeak.say(SENTENCES[0], "en-us", 160, 50)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(100):
        espeak.say(SENTENCES[0], "en-us", 160, 50)
    # one text has .17 MB of samples
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3_000


def test_voice_speed_and_pitch_are_heard(espeak):
    spoken = synthesise(SENTENCES[0])
    assert synthesise(SENTENCES[0], words_per_minute=240).sound.seconds < 0.8 * spoken.sound.seconds
    others = {synthesise(SENTENCES[0], pitch=90).sound.digest, synthesise(SENTENCES[0], voice="en-us+f3").sound.digest}
    assert len(others | {spoken.sound.digest}) == 3
    assert "de" in espeak.voices()
    assert list(synthesise("Zwei Katzen schlafen.", voice="de").words.word) == ["Zwei", "Katzen", "schlafen."]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"voice": "en-xx"}, "no such voice: try en-029, en-gb"),
        ({"voice": "en-us+zz"}, "no variant 'zz'"),
        ({"words_per_minute": 20}, "at least 80"),
        ({"words_per_minute": 900}, "give 80 to 450"),
        ({"pitch": 100}, "give 0 to 99"),
        ({"before": -1}, "give 0 to 60 seconds"),
        ({"after": float("nan")}, "give 0 to 60 seconds"),
    ],
)
def test_what_cannot_be_spoken_is_told(espeak, options, words):
    with pytest.raises(DepthscopeError, match=words.replace("+", r"\+")):
        synthesise("A word.", **options)


@pytest.mark.parametrize("text", ["", " \n", "- — ...", "\0"])
def test_nothing_to_say(espeak, text):
    with pytest.raises(DepthscopeError, match="no word to speak"):
        synthesise(text)


def test_the_sentences_are_different_and_of_the_length_that_is_promised():
    assert len(SENTENCES) == len(HELD_OUT) == 24
    assert len({*SENTENCES, *HELD_OUT}) == 48
    assert all(8 <= len(text.split()) <= 14 for text in (*SENTENCES, *HELD_OUT))
    assert not {*VOICES} & {*HELD_OUT_VOICES}


# the other recogniser


def test_the_aligner_finds_what_the_synthesiser_knows(espeak, sphinx):
    away = []
    for text in SENTENCES[2:6]:
        spoken = synthesise(text)
        found = align(spoken.sound, text)
        assert list(found.word) == list(spoken.words.word)
        away += list(found.start - spoken.words.start)
    assert np.median(np.abs(away)) < 0.02
    assert np.mean(np.abs(away) < 0.05) > 0.85


def test_speech_without_any_silence_around_it_is_aligned_as_well(espeak, sphinx):
    spoken = synthesise(SENTENCES[2], before=0, after=0)
    found = align(spoken.sound, SENTENCES[2])
    assert np.median(np.abs(found.start - spoken.words.start)) < 0.02
    assert found.start.min() >= 0
    assert found.end.max() <= spoken.sound.seconds


@pytest.mark.skipif(not SPEECH.is_dir(), reason=f"{SPEECH} is not there")
def test_real_speech_is_aligned_as_it_was_before(sphinx):
    known = read_words(SPEECH / "words_pocketsphinx.tsv")
    assert list(known.columns) == ["word", "start", "end", "file"]
    clip = sorted(known.file.unique())[0]
    mine = known[known.file == clip].reset_index(drop=True)
    found = align(read_sound(SPEECH / f"{clip}.flac"), " ".join(mine.word))
    assert np.median(np.abs(found.start - mine.start)) <= 0.02


def test_a_text_that_is_not_in_the_sound_is_told(espeak, sphinx):
    spoken = synthesise("Cold fog rolled over the hills.")
    text = "the committee postponed its vote until the budget could be checked by several other people " * 2
    with pytest.raises(DepthscopeError, match="finds no alignment of its 30 words"):
        align(spoken.sound, text)


def test_words_that_the_dictionary_lacks_are_named_and_can_be_given(espeak, sphinx):
    spoken = synthesise("The depthscope shows 23 layers.")
    with pytest.raises(DepthscopeError, match="does not know depthscope, 23: write numbers"):
        align(spoken.sound, "The depthscope shows 23 layers.")
    told = {"Depthscope": "D EH P TH S K OW P", "23": "T W EH N T IY TH R IY"}
    found = align(spoken.sound, "The depthscope shows 23 layers.", pronunciations=told)
    assert np.abs(found.start - spoken.words.start).max() < 0.1
    with pytest.raises(DepthscopeError, match="no phonemes of CMUdict"):
        align(spoken.sound, "The depthscope.", pronunciations={"depthscope": "Q7"})
    with pytest.raises(DepthscopeError, match="no word in the text"):
        align(spoken.sound, "... -")


def test_words_with_hyphens_are_one_word(espeak, sphinx):
    text = "Her well-known sister sings."
    found = align(synthesise(text).sound, text)
    assert list(found.word) == text.split()


def test_without_the_libraries_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(DepthscopeError, match=r"espeakng_loader.*depthscope\[asr-truth\]"):
        synthesise("A word.")
    with pytest.raises(DepthscopeError, match=r"pocketsphinx.*depthscope\[asr-truth\]"):
        align(Sound(np.zeros(16_000, np.float32), 16_000), "a word")


# word times of a user

WORDS = pd.DataFrame(
    {"word": ["Say", '"7,5"', "NA", "007"], "start": [0.1, 0.5, 1.0, 1.5], "end": [0.45, 1.0, 1.4, 2.25]}
)


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("b.tsv", "\t"), ("c.csv", ";")])
def test_a_table_is_read_as_it_was_written(tmp_path, name, separator):
    WORDS.to_csv(tmp_path / name, sep=separator, index=False)
    pd.testing.assert_frame_equal(read_words(tmp_path / name), WORDS)


def test_other_names_of_columns_and_several_files(tmp_path):
    table = WORDS.rename(columns={"word": "Text", "start": "start_s", "end": "END_S"}).assign(clip=["x", "x", "y", "y"])
    table.to_csv(tmp_path / "a.tsv", sep="\t")
    found = read_words(tmp_path / "a.tsv")
    pd.testing.assert_frame_equal(found, WORDS.assign(file=["x", "x", "y", "y"]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("word,start\na,1\n", "no column end: it has word, start"),
        ("word,start,end\na,1,zwei\n", "line 2: end is 'zwei'"),
        ("word,start,end\nb,0,1\na,1,1\n", "line 3: 'a' from 1 to 1 s"),
        ("word,start,end\na,-1,1\n", "line 2: 'a' from -1"),
        ("word,start,end\na,nan,1\n", "line 2: 'a' from nan"),
        ("word,start,end\n,0,1\n", "no word with times"),
        ("", "empty"),
    ],
)
def test_a_table_that_says_no_times(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DepthscopeError, match=said):
        read_words(tmp_path / "a.csv")
    (tmp_path / "a.doc").write_text("what")
    with pytest.raises(DepthscopeError, match=r"give \.csv, \.tsv or \.TextGrid"):
        read_words(tmp_path / "a.doc")


def textgrid(words, long, others=True):
    """As Praat writes it: a tier of phones and one of points before that of the words, silences between the words."""
    rows, at = [], 0.0
    for word, start, end in words.itertuples(index=False):
        rows += [(at, start, "")] if start > at else []
        rows += [(start, end, word)]
        at = end
    rows += [(at, at + 0.5, "")]
    tiers = [("IntervalTier", "Words", rows)]
    if others:
        phones = [(0, 1, "s"), (1, at + 0.5, "eI")]
        tiers = [("IntervalTier", "phones", phones), ("TextTier", "clicks 3", [(0.3, "!")]), *tiers]

    def quoted(text):
        return '"' + text.replace('"', '""') + '"'

    if not long:
        lines = [
            'File type = "ooTextFile"',
            'Object class = "TextGrid"',
            "",
            "0",
            f"{at + 0.5}",
            "<exists>",
            f"{len(tiers)}",
        ]
        for kind, name, entries in tiers:
            lines += [quoted(kind), quoted(name), "0", f"{at + 0.5}", f"{len(entries)}"]
            lines += [quoted(value) if isinstance(value, str) else f"{value}" for entry in entries for value in entry]
        return "\n".join(lines) + "\n"
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {at + 0.5} "]
    lines += ["tiers? <exists> ", f"size = {len(tiers)} ", "item []: "]
    for number, (kind, name, entries) in enumerate(tiers, 1):
        what = "intervals" if kind == "IntervalTier" else "points"
        lines += [f"    item [{number}]:", f"        class = {quoted(kind)} ", f"        name = {quoted(name)} "]
        lines += ["        xmin = 0 ", f"        xmax = {at + 0.5} ", f"        {what}: size = {len(entries)} "]
        for n, entry in enumerate(entries, 1):
            lines += [f"        {what} [{n}]:"]
            names = ("xmin", "xmax", "text") if what == "intervals" else ("number", "mark")
            for key, value in zip(names, entry, strict=True):
                lines += [f"            {key} = {quoted(value) if isinstance(value, str) else value} "]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("long", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("others", [True, False])
def test_a_textgrid_is_read_in_both_forms(tmp_path, long, encoding, others):
    (tmp_path / "a.TextGrid").write_text(textgrid(WORDS, long, others), encoding=encoding)
    pd.testing.assert_frame_equal(read_words(tmp_path / "a.TextGrid"), WORDS)


def test_a_textgrid_without_a_tier_of_words_gives_its_first(tmp_path):
    text = textgrid(WORDS, True).replace('"Words"', '"Wörter"')
    (tmp_path / "a.TextGrid").write_text(text, encoding="utf-8")
    assert list(read_words(tmp_path / "a.TextGrid").word) == ["s", "eI"]


@pytest.mark.parametrize("cut", [60, 100, 200, 285])
def test_a_textgrid_that_breaks_off_is_told(tmp_path, cut):
    (tmp_path / "a.TextGrid").write_text(textgrid(WORDS, False)[:cut])
    with pytest.raises(DepthscopeError, match=r"a\.TextGrid"):
        read_words(tmp_path / "a.TextGrid")


def test_the_names_that_others_use_are_there():
    assert all(hasattr(truth, name) for name in truth.__all__)

"""Words in, exit status out: 0 done, 2 and one clear sentence for everything a user can get wrong."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import depthscope as ds
from depthscope.cli.main import build_parser, spoken
from tests.capture.tokenizers import fast, wordlevel
from tests.conftest import tiny_llama
from tests.running import QUICK, record_of, strict_json

HEAVY = {"torch", "transformers", "pandas", "xarray", "matplotlib", "scipy", "zarr", "numpy", "rich"}


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["run", "metaphor", "--help"],
        ["run", "corpora", "--help"],
        ["run", "models", "--help"],
        ["stimuli", "check", "-h"],
    ],
)
def test_help_imports_no_heavy_library(words):
    loaded = python(
        f"import sys\nfrom depthscope.cli.main import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        f"print()\nprint(*{{name.split('.')[0] for name in sys.modules}} & {HEAVY!r})"
    ).splitlines()[-1]
    assert loaded == ""


@pytest.mark.parametrize(
    "command", [["-m", "depthscope"], ["-c", "import sys; from depthscope.cli.main import main; main()"]]
)
def test_the_version_is_told(command):
    done = subprocess.run([sys.executable, *command, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"depthscope {ds.__version__}\n")


def test_the_exit_status_reaches_the_shell():
    done = subprocess.run(
        [sys.executable, "-m", "depthscope", "stimuli", "check", "nowhere.csv"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("depthscope: nowhere.csv: no such file")
    assert done.stderr.count("\n") == 1


def test_help_shows_every_command_and_no_command_is_an_error(depthscope):
    shown = depthscope("--help").out
    assert all(name in shown for name in ("run", "compare", "report", "show", "models", "stimuli"))
    assert depthscope().status == 2
    assert depthscope("run", "nonsense").status == 2


def test_stimuli_list_names_built_in_and_public_sets(depthscope):
    outcome = depthscope("stimuli", "list")
    assert outcome.status == 0
    items = ds.read_stimuli("builtin")["item"].nunique()
    assert f"{items} items x 5 conditions" in outcome.out
    for name in ("cardillo", "impli", "vua", "vua-nouns", "mohx"):
        assert f"\n{name} " in outcome.out


def test_stimuli_check_counts_and_sees_what_the_tokenizer_sees(depthscope, table_file, model_folder):
    outcome = depthscope("stimuli", "check", table_file, "--model", model_folder)
    assert outcome.status == 0
    assert "8 texts, 4 items; metaphor 4, literal 4" in outcome.out
    assert "tokens per text: " in outcome.out
    assert outcome.out.endswith("ok\n")


def test_stimuli_for_a_program(depthscope, table_file, model_folder):
    listed = strict_json(depthscope("stimuli", "list", "--json").out)
    assert list(listed) == ["builtin", "public"]
    builtin = listed["builtin"][0]
    assert list(builtin) == ["name", "items", "conditions", "about"]
    assert builtin["items"] == ds.read_stimuli("builtin")["item"].nunique()
    assert builtin["conditions"][:2] == ["metaphor", "literal"]
    assert {"cardillo", "vua"} < {one["name"] for one in listed["public"]}
    checked = strict_json(depthscope("stimuli", "check", table_file, "--model", model_folder, "--json").out)
    known = ["stimuli", "texts", "items", "conditions", "model", "census"]
    assert list(checked) == [*known, "depth", "language", "word_frequencies", "contrasts", "problems", "refused"]
    assert checked["contrasts"] == {"metaphor - literal": "4 usable pair(s) of 4"}
    assert checked["problems"] == checked["refused"] == []
    assert (checked["texts"], checked["items"]) == (8, 4)
    assert checked["conditions"] == {"metaphor": 4, "literal": 4}
    assert checked["census"][0].startswith("tokens per text: ")
    assert strict_json(depthscope("stimuli", "check", table_file, "--json").out)["model"] is None


def test_a_run_for_a_program_is_its_record_and_where_it_is(run, table_file, tmp_path):
    outcome = run(table_file, tmp_path / "run", "--json")
    assert outcome.status == 0, outcome.err
    assert strict_json(outcome.out) == {**record_of(tmp_path / "run"), "folder": str(tmp_path / "run")}
    refused = run(table_file, tmp_path / "run", "--json", "--wavelet", "haar")
    assert refused.out == ""
    assert "cse.wavelet (paul(4), now haar)" in refused.sentence


def test_stimuli_check_tells_what_a_run_would(depthscope, pairs, tmp_path, model_folder):
    path = tmp_path / "late.csv"
    pairs.loc[:1, "text"] = ["It was a shark of grief.", "It was a shark of mud."]
    pairs.loc[[2, 3, 6], "target"] = ["Xqzzy", "Xqzzy", "key"]
    pairs["text"] = pairs["text"].str.replace("wall", "Xqzzy")
    pairs[:7].to_csv(path, index=False, sep=";")
    outcome = depthscope("stimuli", "check", path, "--unpaired", "--model", model_folder)
    assert outcome.status == 0
    for words in (
        "7 texts, 4 items; metaphor 4, literal 3",
        "depth: 10 blocks; CSE at layers 3-8",
        "language: the texts look like en (p = ",
        "word frequencies: 1 target(s) unknown (Xqzzy), in en",
        "metaphor - literal: 2 usable pair(s) of 4; left out: 1 without all conditions (key); 1 whose texts are the same",
    ):
        assert words in outcome.out
    asked = ("--contrast", "metaphor-other", "--language", "tlh", "--periods", "2", "40")
    refused = depthscope("stimuli", "check", path, "--unpaired", "--model", model_folder, *asked)
    for words in ("a run would be refused", "40 layers does not fit", "language='tlh'", "contrast 'metaphor-other'"):
        assert words in refused.sentence
    document = strict_json(depthscope("stimuli", "check", path, "--unpaired", *asked, "--json").out)
    assert len(document["refused"]) == 2


def test_stimuli_check_lists_all_that_is_wrong(depthscope, pairs, tmp_path):
    path = tmp_path / "wrong.csv"
    pairs["target"] = "whale"
    pairs.to_csv(path, index=False)
    outcome = depthscope("stimuli", "check", path)
    assert "8 problems: item 'shark', condition 'metaphor': the target 'whale' is not in the text" in outcome.sentence
    assert outcome.out.count("'whale' is not in the text") == 8
    assert "item 'key', condition 'literal'" in outcome.out


def test_stimuli_check_lists_for_a_program_what_is_wrong_by_row(depthscope, pairs, tmp_path):
    path = tmp_path / "wrong.csv"
    pairs.loc[0, "target"] = "whale"
    pairs.loc[3, "text"] = ""
    pairs[:7].to_csv(path, index=False)
    outcome = depthscope("stimuli", "check", path, "--json")
    document = strict_json(outcome.out)
    assert list(document) == ["stimuli", "problems", "refused"]
    assert outcome.status == 2
    assert document["refused"] == [outcome.sentence.removeprefix("depthscope: ")]
    assert document["problems"][0] == {
        "row": 1,
        "item": "shark",
        "condition": "metaphor",
        "column": "target",
        "reason": "the target 'whale' is not in the text",
        "way_out": "correct it, or give start and end",
    }
    assert [(one["row"], one["column"], one["reason"]) for one in document["problems"][1:2]] == [
        (4, "text", "the text is empty")
    ]
    assert [(one["row"], one["item"], one["condition"], one["column"]) for one in document["problems"][2:]] == [
        (None, "key", None, "condition")
    ]
    assert all(one["way_out"] for one in document["problems"])
    # the plain list says the same
    plain = depthscope("stimuli", "check", path)
    assert all(one["reason"] in plain.out for one in document["problems"])


def test_stimuli_check_lists_what_the_tokenizer_refuses_by_row_too(depthscope, pairs, tmp_path):
    tokenizer, path = fast(wordlevel()), tmp_path / "pairs.csv"
    tokenizer.save_pretrained(tmp_path / "model")
    tiny_llama(len(tokenizer)).config.save_pretrained(tmp_path / "model")
    pairs.to_csv(path, index=False)
    outcome = depthscope("stimuli", "check", path, "--model", tmp_path / "model", "--json")
    rows = {one["row"]: one for one in strict_json(outcome.out)["problems"]}
    assert outcome.status == 2
    assert set(rows) == {i + 1 for i, word in enumerate(pairs["target"]) if word != "shark"}
    assert (rows[3]["item"], rows[3]["column"]) == (pairs["item"][2], "target")
    assert f"does not know {pairs['target'][2]!r}" in rows[3]["reason"]


def test_stimuli_check_asks_about_numbers_that_can_be_read_in_two_ways(depthscope, pairs, tmp_path):
    path = tmp_path / "pairs.csv"
    pairs.assign(rt="1.234", age="2,5", n="1 234", genre="news").to_csv(path, index=False, sep=";")
    told = "numbers: to be read in two ways, and left as text: rt; say --decimal , or ."
    assert told in depthscope("stimuli", "check", path).out
    assert "numbers: " not in depthscope("stimuli", "check", path, "--decimal", ",").out


def test_stimuli_check_of_what_is_no_table_is_a_document_without_rows(depthscope, tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("item,text\n1,A shark.\n")
    outcome = depthscope("stimuli", "check", path, "--json")
    assert strict_json(outcome.out) == {
        "stimuli": str(path),
        "problems": [],
        "refused": [outcome.sentence.removeprefix("depthscope: ")],
    }
    assert depthscope("stimuli", "check", path).out == ""


def test_stimuli_check_of_what_a_run_would_refuse_is_a_document_and_a_sentence(depthscope, table_file):
    outcome = depthscope("stimuli", "check", table_file, "--language", "tlh", "--json")
    assert outcome.status == 2
    assert strict_json(outcome.out)["refused"][0] in outcome.sentence


def test_stimuli_check_needs_no_weights(depthscope, table_file, model_folder, tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (tmp_path / name).write_bytes((model_folder / name).read_bytes())
    assert depthscope("stimuli", "check", table_file, "--model", tmp_path).status == 0


def test_stimuli_check_names_items_with_the_same_text_up_to_the_target(depthscope, pairs, tmp_path, model_folder):
    path = tmp_path / "late.csv"
    pairs["text"] = [f"It was a {target} {k}." for k, target in enumerate(pairs["target"])]
    pairs.to_csv(path, index=False)
    outcome = depthscope("stimuli", "check", path, "--model", model_folder)
    assert "same text up to the target" in outcome.out
    assert "4 (shark, wall, storm, key)" in outcome.out


HEADER = "item,condition,text,target"
GOOD = ["a,metaphor,Her word was a wall.,wall", "a,literal,It was a brick wall.,wall"]
MORE = ["b,metaphor,Her word was a storm.,storm", "b,literal,It was a winter storm.,storm"]

BAD_TABLES = {
    "a missing column": (["item,text,target", "a,A wall.,wall"], "no column condition", "needs item, condition, text"),
    "an empty text": ([HEADER, *GOOD, "b,metaphor,,storm", MORE[1]], "item 'b', condition 'metaphor'", "text is empty"),
    "an absent target": (
        [HEADER, *GOOD, MORE[0], "b,literal,Nothing.,storm"],
        "item 'b'",
        "'storm' is not in the text",
    ),
    "an ambiguous target": (
        [HEADER, GOOD[0], "a,literal,A wall on a wall.,wall"],
        "item 'a', condition 'literal'",
        "stands in the text 2 times",
        "occurrence",
    ),
    "offsets outside": (
        ["item,condition,text,start,end", "a,x,A wall.,2,60"],
        "item 'a'",
        "2 to 60 are outside the text",
    ),
    "offsets in an accent": (
        ["item,condition,text,start,end", "a,x,A cafe\u0301.,2,6"],
        "offset 6",
        "inside a character",
    ),
    "offsets in an emoji": (
        ["item,condition,text,start,end", "a,x,A \U0001f468\u200d\U0001f469.,2,3"],
        "offset 3",
        "inside a character",
    ),
    "a condition twice": ([HEADER, *GOOD, GOOD[0]], "item 'a', condition 'metaphor'", "occurs twice", "column pair"),
    "a lone condition": ([HEADER, *GOOD, MORE[0]], "item 'b' has the condition 'metaphor' only", "complete or drop it"),
    "no rows": ([HEADER], "no rows"),
    "nothing at all": ([""], "the file is empty"),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_refused_before_anything_is_done(depthscope, run, tmp_path, name, command):
    lines, *words = BAD_TABLES[name]
    path, out = tmp_path / "bad.csv", tmp_path / "out"
    path.write_text("\n".join(lines), encoding="utf-8")
    outcome = run(path, out) if command == "run" else depthscope("stimuli", "check", path)
    for word in ("bad.csv", *words):
        assert word in outcome.sentence
    assert not out.exists()


def test_a_file_that_is_not_utf8_is_refused_with_file_and_byte(run, tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("\n".join([HEADER, "a,metaphor,Un café.,café"]).encode("latin-1"))
    sentence = run(path, tmp_path / "out").sentence
    assert f"{path}: not UTF-8 at byte {len(HEADER) + 1 + len('a,metaphor,Un caf')} (line 2)" in sentence
    assert "save the file as UTF-8" in sentence


def test_a_table_of_a_spreadsheet_is_read_with_options(run, pairs, tmp_path):
    path = tmp_path / "sheet.csv"
    sheet = pairs.assign(age=["3,5", "4"] * 4, text=pairs["text"].str.replace("The", "Thé"))
    sheet.rename(columns={"item": "ID", "text": "Mein Satz"}).to_csv(path, sep=";", index=False, encoding="cp1252")
    words = ["--column", "item=ID", "--column", "text=Mein Satz", "--encoding", "cp1252"]
    outcome = run(path, tmp_path / "out", *words)
    assert outcome.status == 0, outcome.err
    told = record_of(tmp_path / "out")["settings"]["table"]
    assert told == {"columns": {"item": "ID", "text": "Mein Satz"}, "encoding": "cp1252"}
    assert "--encoding cp1252" in run(path, tmp_path / "out", *words[:4]).sentence
    assert "--column: item is given twice" in run(path, tmp_path / "out", *words, "--column", "item=x").sentence
    assert "our name first" in run(path, tmp_path / "out", "--column", "ID").err


def test_one_pair_is_refused(run, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("\n".join([HEADER, *GOOD]))
    sentence = run(path, tmp_path / "out").sentence
    assert "metaphor - literal: 1 item(s) with all its conditions; a paired test needs at least 2" in sentence


def test_no_pair_for_a_contrast_is_refused(run, tmp_path):
    path = tmp_path / "none.csv"
    rows = [*GOOD, *MORE, "c,literal,It was a big wall.,wall", "c,other,It was no wall.,wall"]
    path.write_text("\n".join([HEADER, *rows]))
    sentence = run(path, tmp_path / "out", "--contrast", "metaphor-other").sentence
    assert "metaphor - other: 0 item(s) with all its conditions" in sentence


def test_pairs_that_no_causal_model_can_tell_apart_are_refused(run, tmp_path):
    path = tmp_path / "late.csv"
    rows = [
        f"{w},{c},A {w} of {x}.,{w}" for w in ("wall", "sea") for c, x in (("metaphor", "grief"), ("literal", "mud"))
    ]
    path.write_text("\n".join([HEADER, *rows]))
    sentence = run(path, tmp_path / "out").sentence
    assert "in all 2 pairs the texts are the same up to the target" in sentence
    assert "put the cue before the target" in sentence


def test_an_unknown_condition_is_refused_with_those_there_are(run, table_file, tmp_path):
    sentence = run(table_file, tmp_path / "out", "--contrast", "metaphor-anomalous").sentence
    assert "contrast 'metaphor-anomalous'" in sentence
    assert "which has metaphor, literal" in sentence


def test_a_text_longer_than_the_context_is_refused(depthscope, run, pairs, tmp_path, model_folder):
    pairs.loc[2, "text"] = "very " * 150 + "high became a wall."
    path = tmp_path / "long.csv"
    pairs.to_csv(path, index=False)
    for outcome in (run(path, tmp_path / "out"), depthscope("stimuli", "check", path, "--model", model_folder)):
        assert "item 'wall', condition 'metaphor'" in outcome.sentence
        assert "exceed the model's context of 128; shorten the text" in outcome.sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--periods", "2", "40"], ["40 layers does not fit a depth of 10", "keep periods at or below 10"]),
        (["--periods", "4", "2"], ["periods 4 to 2", "a shorter and a longer"]),
        (["--scales", "1"], ["--scales 1", "from 2 to 512"]),
        (["--min-scales", "99"], ["no layer of 10 has 99 scales", "shorter periods"]),
        (["--layers", "3", "99"], ["layers 3-99", "10 layers"]),
        (["--wavelet", "nonsense"], ["unknown wavelet 'nonsense'", "morlet, paul, dog or haar"]),
        (["--model", "no/such-model"], ["no/such-model", "offline", "local folder", "'embedded'"]),
        (["--model", "a//b::c"], ["a//b::c", "not a valid model id"]),
        (["--model", "gone.gguf"], ["gone.gguf: no such file"]),
        (["--blocks", "model.nothing"], ["--blocks model.nothing: ", "no such module"]),
        (["--device", "abacus"], ["device 'abacus'", "cpu"]),
        (["--dtype", "float7"], ["dtype 'float7'", "float32"]),
        (["--threads", "0"], ["depthscope: --threads 0: give at least 1"]),
        (["--token-budget=0"], ["depthscope: --token-budget 0: give at least 1"]),
        (["--permutations", "0"], ["permutations must be at least 1"]),
        (["--forming-p", "2"], ["forming_p between 0 and 1"]),
        (["--resamples", "0"], ["resamples must be at least 1"]),
        (["--seed", "-1"], ["the seed a whole number from 0"]),
    ],
    ids=lambda value: value[0].lstrip("-") if isinstance(value[0], str) and value[0].startswith("--") else "",
)
def test_a_setting_that_does_not_fit_is_refused_with_the_way_out(run, table_file, tmp_path, words, said):
    sentence = run(table_file, tmp_path / "out", *words).sentence
    for part in said:
        assert part in sentence


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("keep='x': choose gram or states", "--keep x: choose gram or states"),
        ("token_budget=0: give at least 1", "--token-budget 0: give at least 1"),
        ("threads=0: give at least 1", "threads=0: give at least 1"),  # not an option that was given
        ("a.csv: item 'keep=x': no text", "a.csv: item 'keep=x': no text"),
    ],
)
def test_a_keyword_is_spoken_of_as_the_option_that_gave_it(sentence, expected):
    assert spoken(sentence, ["run", "--keep", "x", "--token-budget=0"]) == expected


@pytest.mark.parametrize("words", [["--scales", "many"], ["--scales", "2,x"], ["--padding", "none"], ["--seed", "x"]])
def test_a_word_that_cannot_be_read_is_refused_with_what_can(run, table_file, tmp_path, words):
    outcome = run(table_file, tmp_path / "out", *words)
    assert outcome.status == 2
    assert f"argument {words[0]}" in outcome.err
    if words[0] == "--scales":
        assert "give a number of scales, or scales in layers" in outcome.err


@pytest.mark.parametrize("below", ["", "/run", "/deep/run"])
def test_a_folder_that_cannot_be_made_is_refused(run, table_file, below):
    out = f"{table_file}{below}"
    sentence = run(table_file, out).sentence
    assert out in sentence
    assert "choose another" in sentence


@pytest.mark.parametrize("place", ["/proc", "/sys"])
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_a_place_that_takes_no_folder_is_refused(run, table_file, place):
    sentence = run(table_file, f"{place}/depthscope-run").sentence
    assert f"{place}/depthscope-run" in sentence
    assert "choose another --out" in sentence


def test_a_folder_with_strangers_is_refused_and_left_alone(run, table_file):
    before = {path: path.read_bytes() for path in table_file.parent.iterdir()}
    sentence = run(table_file, table_file.parent).sentence
    assert "holds other files (pairs.csv)" in sentence
    assert "empty --out" in sentence
    assert {p: p.read_bytes() for p in table_file.parent.iterdir() if p.name != ".lock"} == before


@pytest.fixture(scope="module")
def settled(model_folder, tmp_path_factory):
    """A run that was begun: the folder holds its record."""
    from depthscope.cli.main import main

    folder = tmp_path_factory.mktemp("settled")
    (folder / "pairs.csv").write_text("\n".join([HEADER, *GOOD, *MORE]))
    words = ["--model", str(model_folder), "--stimuli", str(folder / "pairs.csv"), "--out", str(folder / "run")]
    assert main(["run", "metaphor", *words, *QUICK, "--layers", "1", "10"]) == 0
    return folder


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--wavelet", "haar"], "cse.wavelet (paul(4), now haar)"),
        (["--seed", "5"], "contrast.seed (0, now 5)"),
        (["--subtoken", "mean"], "subtoken (last, now mean)"),
        (["--token-budget", "64"], "token_budget (None, now 64)"),
        (["--layers", "2", "9"], "cse.layers ([1, 10], now [2, 9])"),
        (["--contrast", "literal-metaphor"], "contrasts (['metaphor-literal'], now ['literal-metaphor'])"),
    ],
)
def test_other_settings_into_the_same_folder_are_refused_by_name(run, settled, words, named):
    sentence = run(settled / "pairs.csv", settled / "run", "--layers", "1", "10", *words).sentence
    assert str(settled / "run") in sentence
    assert named in sentence
    assert "choose another --out" in sentence


def test_stimuli_that_changed_are_not_mixed_with_the_old_ones(run, settled):
    path = settled / "pairs.csv"
    before = path.read_text()
    try:
        path.write_text(before.replace("brick", "stone"))
        sentence = run(path, settled / "run", "--layers", "1", "10").sentence
    finally:
        path.write_text(before)
    assert "holds a run with other settings: stimuli (" in sentence


def test_another_model_of_the_same_name_is_not_mixed_with_the_old_one(run, settled, model_folder):
    weights = model_folder / "model.safetensors"
    before = weights.read_bytes()
    from safetensors.numpy import load_file, save_file

    try:
        changed = load_file(weights)
        changed["model.embed_tokens.weight"] = changed["model.embed_tokens.weight"] * 1.5
        save_file(changed, weights, metadata={"format": "pt"})
        sentence = run(settled / "pairs.csv", settled / "run", "--layers", "1", "10").sentence
    finally:
        weights.write_bytes(before)
    assert "holds a run with other settings: model (" in sentence


def test_a_damaged_record_is_refused(run, settled, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "run.json").write_text((settled / "run" / "run.json").read_text()[:-20])
    sentence = run(settled / "pairs.csv", out, "--layers", "1", "10").sentence
    assert "run.json: not a readable run record" in sentence


def test_a_run_prints_its_result_and_keeps_the_command(depthscope, model_folder, tmp_path):
    """With a byte-order mark, Windows line ends, an occurrence, odd names and every kind of option."""
    path, out = tmp_path / "odd names.csv", tmp_path / "out put"
    rows = [
        ("café", "$meta$ $\\b$", "Her wall became a wall.", "wall", 2, 1.5),
        ("café", "non-literal", "The brick wall hit a wall.", "wall", 2, 2.5),
        ("👩‍👩‍👧", "$meta$ $\\b$", "A 👩‍👩‍👧 is a storm.", "👩‍👩‍👧", "", 0),
        ("👩‍👩‍👧", "non-literal", "An old 👩‍👩‍👧 is here.", "👩‍👩‍👧", "", 1),
        ("none", "$meta$ $\\b$", "Her hope was a seed.", "seed", "", 0),
        ("none", "non-literal", "The bird ate a seed.", "seed", "", 1),
    ]
    table = pd.DataFrame(rows, columns=["item", "condition", "text", "target", "occurrence", "word frequency"])
    path.write_bytes(b"\xef\xbb\xbf" + table.to_csv(index=False, lineterminator="\r\n").encode())
    words = [
        *("run", "metaphor", "--model", model_folder, "--stimuli", path, "--out", out, "--no-progress"),
        *("--contrast", "$meta$ $\\b$-non-literal", "--contrast", "non-literal-$meta$ $\\b$"),
        *("--subtoken", "mean", "--keep", "states", "--dtype", "float64", "--device", "cpu", "--threads", "1"),
        *("--wavelet", "dog(2)", "--scales", "1,1.2,1.4,1.6", "--padding", "reflect", "--signal", "direction"),
        *("--energy-norm", "L1", "--zero-mean", "signal", "--sampling", "cell", "--layers", "1", "9"),
        *("--no-normalize", "--no-mask-coi", "--min-scales", "2", "--permutations", "4", "--forming-p", ".2"),
        *("--alternative", "greater", "--seed", "7", "--resamples", "9", "--include-same-context", "--bound", ".3"),
        *("--evidence", "quick", "--confound", "word frequency", "--confound", "surprisal"),
        *("--sample", "3", "--language", "fr", "--inference", "bootstrap"),
    ]
    outcome = depthscope(*words)
    assert outcome.status == 0, outcome.err
    assert "$meta$ $\\b$ - non-literal: cse, n = 3 items" in outcome.out
    assert f"run folder: {out}" in outcome.out
    record = record_of(out)
    expected = {
        "wavelet": "dog(2)",
        "scales": [1, 1.2, 1.4, 1.6],
        "periods": None,
        "padding": "reflect",
        "signal": "direction",
        "energy_norm": "L1",
        "zero_mean": "signal",
        "sampling": "cell",
        "layers": [1, 9],
        "normalize": False,
        "mask_coi": False,
        "min_scales": 2,
    }
    assert record["settings"]["cse"].items() >= expected.items()
    assert record["settings"]["contrast"] == {
        "permutations": 4,
        "forming_p": 0.2,
        "alternative": "greater",
        "bound": 0.3,
        "seed": 7,
        "resamples": 9,
        "include_same_context": True,
        "adjust": [],
        "splines": 0,
        "inference": "bootstrap",
    }
    assert record["settings"]["confounds"] == ["word frequency", "surprisal"]
    assert [record["settings"][name] for name in ("evidence", "sample", "language")] == ["quick", 3, "fr"]
    assert record["settings"]["load"] == {"device": "cpu", "dtype": "float64"}
    assert (record["settings"]["subtoken"], record["settings"]["keep"]) == ("mean", "states")
    assert shlex.split(record["command"]) == ["depthscope", *map(str, words)]
    assert json.dumps(record["command"], ensure_ascii=False)[1:-1] in (out / "run.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("signal", ["norm", "state"])
def test_every_signal_can_be_run(run, settled, tmp_path, signal):
    assert run(settled / "pairs.csv", tmp_path / "out", "--signal", signal).status == 0


@pytest.mark.parametrize("name", ["freq/million", ".zgroup", "gram", "group"])
def test_a_covariate_that_cannot_be_stored_is_refused(run, table_file, tmp_path, name):
    pd.read_csv(table_file).assign(**{name: 1.0}).to_csv(table_file, index=False)
    sentence = run(table_file, tmp_path / "out").sentence
    assert "a covariate cannot be called" in sentence
    assert name in sentence
    assert "rename the column" in sentence


@pytest.mark.parametrize("words", [[], ["show"], ["scan"]])
def test_the_command_that_help_shows_can_be_copied(depthscope, monkeypatch, words):
    monkeypatch.setenv("COLUMNS", "60")
    shown = depthscope(*words, "--help").out
    (command,) = [line for line in shown.splitlines() if line.startswith("  depthscope ")]
    build_parser().parse_args(shlex.split(command)[1:])

"""Readers of published layouts: on small files written here, and on the corpora where a folder holds them."""

import csv
import json
import os
from pathlib import Path

import pytest

import depthscope as ds

FOLDER = os.environ.get("DEPTHSCOPE_PUBLIC_DATA")


def triples(table):
    """(item, condition) -> (text, target), with the target cut out of the text by its offsets."""
    rows = zip(*(table[name] for name in ("item", "condition", "text", "start", "end")), strict=True)
    return {(item, condition): (text, text[start:end]) for item, condition, text, start, end in rows}


def write_csv(path: Path, header: str, rows: list[tuple], encoding: str = "utf-8") -> None:
    with path.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream).writerows([header.split(","), *rows])


@pytest.fixture
def cardillo(tmp_path):
    pairs = [
        {
            "id": 7,
            "labels": [2, 1],
            "sentences": ["The offer was a bait.", "The worm was a bait."],
            "B_positions": [[16, 20], [15, 19]],
            "stem": "bait",
        },
        {
            "id": 9,
            "labels": [1, 2],
            "sentences": ["The truck hit the brake.", "His doubt was a brake."],
            "B_positions": [[18, 23], [16, 21]],
            "stem": "brake",
        },
    ]
    lines = "\n".join(json.dumps(pair) for pair in pairs)
    (tmp_path / "cardillo.jsonl").write_text(lines + "\n", encoding="utf-8")
    return tmp_path


def test_cardillo_pairs_come_with_condition_and_target(cardillo):
    table = ds.read_stimuli("cardillo", folder=cardillo)
    assert triples(table) == {
        ("7", "metaphor"): ("The offer was a bait.", "bait"),
        ("7", "literal"): ("The worm was a bait.", "bait"),
        ("9", "metaphor"): ("His doubt was a brake.", "brake"),
        ("9", "literal"): ("The truck hit the brake.", "brake"),
    }
    assert list(table["stem"]) == ["bait", "bait", "brake", "brake"]


def test_a_set_is_also_found_in_a_subfolder_of_its_name(cardillo, tmp_path):
    inner = tmp_path / "corpora" / "cardillo"
    inner.mkdir(parents=True)
    (cardillo / "cardillo.jsonl").rename(inner / "cardillo.jsonl")
    assert len(ds.read_stimuli("cardillo", folder=inner.parent)) == 4


def test_impli_triads_mark_the_one_word_kept_by_the_literal_use_and_replaced_by_the_paraphrase(tmp_path):
    metaphor = "The news broke his heart."
    (tmp_path / "metaphors_manual_e.tsv").write_text(
        f"{metaphor}\tThe news really hurt his heart .\n"
        f"{metaphor}\tA second paraphrase .\n"
        "She swallowed the story.\tShe believed the story.\n"
        "No partner here.\tNo friend here.\n"
    )
    (tmp_path / "metaphors_manual_ne.tsv").write_text(
        f"{metaphor}\tThe ball broke his nose .\nShe swallowed the story.\tThe story of a meal.\n"
    )
    assert triples(ds.read_stimuli("impli", folder=tmp_path)) == {
        ("impli-000", "metaphor"): ("The news broke his heart.", "broke"),
        ("impli-000", "literal"): ("The ball broke his nose.", "broke"),
        ("impli-000", "paraphrase"): ("The news really hurt his heart.", "really hurt"),
    }


MOHX = [
    ("idea", "", "grasp", "He grasped the idea .", 1, 1),  # one word before the target: too few
    ("rope", "", "grasp", "The climber grasped the rope .", 2, 0),
    ("point", "", "grasp", "Only now she grasped the point .", 3, 1),
    ("sense", "", "grasp", "The boy grasped the sense .", 2, 1),
    ("price", "", "drop", "The prices dropped at once .", 2, 1),
    ("cup", "", "drop", "They drop the cup .", 1, 0),
    ("ship", "", "sink", "An old ship sinks .", 3, 0),
    ("hope", "", "sink", "His hope sank .", 2, 1),  # another form of the verb
]


def test_mohx_verbs_are_paired_by_form_and_position(tmp_path):
    write_csv(tmp_path / "MOH-X_formatted_svo_cleaned.csv", "arg1,arg2,verb,sentence,verb_idx,label", MOHX)
    assert triples(ds.read_stimuli("mohx", folder=tmp_path)) == {
        ("grasp", "metaphor"): ("The boy grasped the sense.", "grasped"),
        ("grasp", "literal"): ("The climber grasped the rope.", "grasped"),
    }


VUA = "text_idx,sentence_idx,verb,sentence,verb_idx,label"


def test_vua_verbs_are_gathered_from_all_parts_whatever_their_encoding(tmp_path):
    train = [("a1", 3, "run", "The caf\xe9 runs at a loss .", 2, 1)]
    test = [("b2", 5, "run", "A dog runs ( fast ) .", 2, 0)]
    write_csv(tmp_path / "VUA_formatted_train.csv", VUA, train, "latin-1")
    write_csv(tmp_path / "VUA_formatted_test.csv", VUA, test)
    table = ds.read_stimuli("vua", folder=tmp_path)
    assert triples(table) == {
        ("run", "metaphor"): ("The caf\xe9 runs at a loss.", "runs"),
        ("run", "literal"): ("A dog runs (fast).", "runs"),
    }
    assert list(table["origin"]) == ["a1:3", "b2:5"]


def test_vua_nouns_come_from_the_label_of_every_word(tmp_path):
    kinds = "['DET', 'NOUN', 'VERB', 'DET', 'NOUN', 'PUNCT']"
    rows = [
        ("a1", 1, "The firm hit a wall .", "[0, 0, 0, 0, 1, 0]", kinds, "", "news"),
        ("a1", 2, "The man built a wall .", "[0, 0, 0, 0, 0, 0]", kinds, "", "news"),
        ("a1", 3, "Labels too short , a wall .", "[0]", kinds, "", "news"),
    ]
    write_csv(
        tmp_path / "VUA_seq_formatted_val.csv", "txt_id,sen_ix,sentence,label_seq,pos_seq,labeled_sentence,genre", rows
    )
    assert triples(ds.read_stimuli("vua-nouns", folder=tmp_path)) == {
        ("wall", "metaphor"): ("The firm hit a wall.", "wall"),
        ("wall", "literal"): ("The man built a wall.", "wall"),
    }


def test_pairing_does_not_depend_on_the_hour(tmp_path):
    rows = [("a", k, "run", f"Number {k} of them runs {k} miles .", 4, k % 2) for k in range(40)]
    write_csv(tmp_path / "VUA_formatted_train.csv", VUA, rows)
    first, second = (ds.read_stimuli("vua", folder=tmp_path) for _ in range(2))
    assert first.equals(second)
    assert len(first) == 2


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cardillo", "cardillo.jsonl"),
        ("impli", "metaphors_manual_e.tsv"),
        ("mohx", "MOH-X_formatted_svo_cleaned.csv"),
        ("vua", "VUA_formatted_train.csv"),
        ("vua-nouns", "VUA_seq_formatted_train.csv"),
    ],
)
def test_a_folder_without_the_files_is_refused_with_their_name(tmp_path, refuses, name, file):
    with refuses(str(tmp_path), file):
        ds.read_stimuli(name, folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "content"),
    [
        ("cardillo", "cardillo.jsonl", '{"id": 1}\n'),
        ("cardillo", "cardillo.jsonl", '{"id": 1, "sentences": ["a"], "labels": [1, 2], "B_positions": [[0, 1]]}\n'),
        ("mohx", "MOH-X_formatted_svo_cleaned.csv", "word,text\nrun,A dog runs\n"),
        ("vua", "VUA_formatted_val.csv", f"{VUA}\na,1,run,A dog runs,two,0\n"),
    ],
)
def test_another_layout_is_refused_as_such(tmp_path, refuses, name, file, content):
    (tmp_path / file).write_text(content)
    with refuses(name, "not in the published layout"):
        ds.read_stimuli(name, folder=tmp_path)


@pytest.mark.skipif(not FOLDER, reason="DEPTHSCOPE_PUBLIC_DATA names no folder with the corpora")
@pytest.mark.parametrize(
    ("name", "items", "conditions"),
    [
        ("cardillo", range(260, 261), 2),
        ("impli", range(151, 400), 3),
        ("vua", range(200, 3000), 2),
        ("vua-nouns", range(200, 9000), 2),
        ("mohx", range(50, 215), 2),
    ],
)
def test_the_published_corpora_are_read(name, items, conditions):
    table = ds.read_stimuli(name, folder=FOLDER)
    assert table["item"].nunique() in items
    assert (table.groupby("item")["condition"].nunique() == conditions).all()
    found = [text[start:end] for text, start, end in zip(table["text"], table["start"], table["end"], strict=True)]
    assert found == list(table["target"])
    if name in ("vua", "vua-nouns", "mohx"):  # these are paired by form
        forms = table.assign(form=table["target"].str.lower()).groupby("item")["form"].nunique()
        assert (forms == 1).all()

"""Bytes on disk: every kind of file, and everything that can be wrong with one."""

import json
from pathlib import Path

import pandas as pd
import pytest

from depthscope.stimuli.files import Layout, read_json_lines, read_table, read_text
from depthscope.stimuli.read import read_stimuli
from depthscope.store.lines import LONGEST


def save(pairs: pd.DataFrame, path) -> None:
    if path.suffix == ".parquet":
        pairs.to_parquet(path)
    elif path.suffix in (".jsonl", ".ndjson"):
        pairs.to_json(path, orient="records", lines=True)
    else:
        pairs.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".CSV"])
def test_every_kind_of_file_holds_the_same_table(pairs, tmp_path, suffix):
    path = tmp_path / f"pairs{suffix}"
    save(pairs, path)
    pd.testing.assert_frame_equal(read_stimuli(path), read_stimuli(pairs))


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(pairs, tmp_path):
    path = tmp_path / "windows.csv"
    path.write_bytes(b"\xef\xbb\xbf" + pairs.to_csv(index=False, lineterminator="\r\n").encode())
    assert path.read_bytes().count(b"\r\n") == 9
    pd.testing.assert_frame_equal(read_stimuli(path), read_stimuli(pairs))


def test_commas_quotes_and_line_ends_inside_quotes_are_text(tmp_path):
    path = tmp_path / "quotes.csv"
    path.write_text('item,condition,text,target\nx,a,"Well, ""he"" said,\nno.",no\nx,b,Yes or no.,no\n')
    assert read_stimuli(path)["text"][0] == 'Well, "he" said,\nno.'


def test_line_ends_inside_quotes_stay_what_they_are(tmp_path):
    path = tmp_path / "ends.csv"
    path.write_bytes(b'item,condition,text,target\r\nx,a,"One\rtwo\r\nthree\n\nfour",two\r\nx,b,Two.,Two\r\n')
    assert read_stimuli(path)["text"].tolist() == ["One\rtwo\r\nthree\n\nfour", "Two."]


def test_labels_that_look_like_something_else_stay_text(tmp_path):
    path = tmp_path / "labels.csv"
    rows = [f"{item},{condition},A big wall.,wall" for item in ("NA", "007", "null") for condition in ("1", "None")]
    path.write_text("\n".join(["item,condition,text,target", *rows]))
    table = read_stimuli(path)
    assert list(table["item"].unique()) == ["NA", "007", "null"]
    assert list(table["condition"].unique()) == ["1", "None"]


def test_blank_offsets_fall_back_on_the_word(tmp_path):
    path = tmp_path / "offsets.csv"
    path.write_text("item,condition,text,target,start,end\nx,a,wall to wall,,8,12\nx,b,A wall.,wall,,\n")
    assert list(read_stimuli(path)["start"]) == [8, 2]


def test_covariates_keep_their_numbers(pairs, tmp_path):
    path = tmp_path / "covariates.csv"
    pairs.assign(frequency=[0.1 * k for k in range(8)], genre="news").to_csv(path, index=False)
    table = read_stimuli(path)
    assert list(table["frequency"]) == [0.1 * k for k in range(8)]
    assert set(table["genre"]) == {"news"}


def test_a_file_that_is_not_utf8_is_refused_with_file_byte_and_line(pairs, tmp_path, refuses):
    path = tmp_path / "latin.csv"
    start = pairs.to_csv(index=False).encode()
    path.write_bytes(start + "café,metaphor,Ein café.,café\n".encode("latin-1"))
    with refuses("latin.csv", f"byte {len(start) + 3} ", "line 10", "save the file as UTF-8"):
        read_table(path)


CAFE = "item,condition,text,target\nx,a,Ein Schlüssel im Café.,Café\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "mac_roman", "utf-8-sig"])
def test_a_file_is_read_in_the_encoding_that_is_told_and_utf16_says_it_itself(tmp_path, encoding):
    path = tmp_path / "cafe.txt"
    path.write_bytes(CAFE.replace(",", "\t").encode(encoding))
    assert read_table(path, Layout(encoding=encoding))["text"].tolist() == ["Ein Schlüssel im Café."]
    if encoding in ("utf-16", "utf-32", "utf-8-sig"):
        assert read_table(path)["target"].tolist() == ["Café"]


def test_an_encoding_is_offered_with_what_it_would_read_and_never_taken(tmp_path, refuses):
    path = tmp_path / "ansi.csv"
    path.write_bytes(CAFE.encode("cp1252"))
    with refuses("not UTF-8 at byte 39 (line 2)", "--encoding cp1252", "'Schlüssel'"):
        read_table(path)
    path.write_bytes(CAFE.replace("é", "e").replace("ü", "u").encode("utf-16-le"))
    with refuses("zero bytes", "--encoding utf-16-le"):
        read_table(path)
    with refuses("encoding='klingon'", "no such encoding"):
        read_table(path, Layout(encoding="klingon"))
    path.write_bytes(CAFE.encode("latin-1"))
    with refuses("not in the encoding ascii"):
        read_table(path, Layout(encoding="ascii"))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Der Käse ist „alt“."),
        ("cp1250", "Jestem żółwiem, ślimak."),
        ("cp1251", "Он акула в море."),
        ("koi8_r", "Он акула в море, а это на суше."),
        ("cp1253", "Είναι καρχαρίας."),
        ("cp1256", "هو أسد كبير."),
        ("gb18030", "律师是鲨鱼。"),
        ("big5", "律師是鯊魚。"),
        ("cp949", "그는 상어다."),
        ("cp932", "彼はサメだ。"),
    ],
)
def test_the_encoding_that_makes_words_of_the_bytes_is_offered(tmp_path, refuses, encoding, text):
    path = tmp_path / "ansi.csv"
    path.write_bytes(f"item;condition;text;target\n1;m;{text};x\n".encode(encoding))
    with refuses(f"(--encoding {encoding})"):
        read_table(path)


def test_what_is_told_of_files_of_text_is_refused_elsewhere(pairs, tmp_path, refuses):
    path = tmp_path / "pairs.jsonl"
    save(pairs, path)
    with refuses("decimal=','", "pairs.jsonl", "leave it out"):
        read_stimuli(path, decimal=",")
    with refuses("encoding='cp1252'", "builtin"):
        read_stimuli("builtin", encoding="cp1252")
    with refuses("quotes='csv'", "table in memory"):
        read_stimuli(pairs, quotes="csv")
    with refuses("decimal='x'", "choose one of"):
        read_stimuli(path, decimal="x")


def test_decimal_commas_are_numbers_and_what_is_unclear_stays_text(pairs, tmp_path):
    path = tmp_path / "commas.csv"
    columns = {"age": ["3,5", "2"] * 4, "rt": ["1,234", ""] * 4, "rank": range(8), "flag": [True, False] * 4}
    pairs.assign(**columns).to_csv(path, sep=";", index=False)
    table = read_stimuli(path)
    assert table["age"].tolist() == [3.5, 2] * 4
    assert table["rt"].dropna().tolist() == [1.234] * 4
    assert table["rt"].isna().tolist() == [False, True] * 4
    assert (table["rank"].dtype.kind, table["flag"].dtype.kind) == ("i", "b")
    pairs.assign(rt=columns["rt"]).to_csv(path, sep=";", index=False)
    assert read_stimuli(path)["rt"].tolist() == ["1,234", ""] * 4
    assert read_stimuli(path, decimal=".")["rt"].dropna().tolist() == [1234] * 4


def test_a_file_known_not_to_be_utf8_is_read_in_its_own_encoding(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("café".encode("latin-1"))
    assert read_text(path, fallback="latin-1") == "café"


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path, refuses, content):
    path = tmp_path / "empty.csv"
    path.write_text(content, encoding="utf-8")
    with refuses("empty.csv", "empty"):
        read_table(path)


def test_a_file_of_an_unknown_kind_is_refused(tmp_path, refuses):
    path = tmp_path / "table.docx"
    path.write_bytes(b"")
    with refuses("table.docx", "'.docx'", ".csv", ".jsonl", ".parquet"):
        read_table(path)


def test_an_unreadable_file_is_refused(tmp_path, refuses):
    with refuses("gone.csv", "cannot be read", "No such file"):
        read_table(tmp_path / "gone.csv")


def test_a_row_with_too_many_cells_is_refused_with_its_line(tmp_path, refuses):
    path = tmp_path / "wide.csv"
    path.write_text("item,condition,text,target\nx,a,A wall.,wall\nx,b,Well, a wall.,wall\n")
    with refuses("wide.csv", "not readable as csv", "line 3"):
        read_table(path)


def test_cells_are_never_moved_into_the_wrong_column(tmp_path, refuses):
    path = tmp_path / "moved.csv"
    path.write_text("item,condition,text,target\nx,a,Well, a wall.,wall\nx,b,Oh, a wall.,wall\n")
    with refuses("moved.csv", "more cells than the header", "quotation marks"):
        read_table(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_json_lines_may_hold_any_character_and_blank_lines(tmp_path, end):
    texts = ["one\u2028two", "three\x85four", "tab\\ttab", "\U0001f468\u200d\U0001f469"]
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    assert [row["text"] for row in read_json_lines(tmp_path, f"{end}{end}".join(lines) + end)] == texts


def test_a_broken_json_line_is_refused_with_its_number(tmp_path, refuses):
    path = tmp_path / "broken.jsonl"
    path.write_text('{"item": 1}\n\n{"item": \n')
    with refuses("broken.jsonl", "line 3", "not JSON"):
        read_table(path)


def test_a_json_line_without_columns_is_refused(tmp_path, refuses):
    path = tmp_path / "list.jsonl"
    path.write_text('["item"]\n')
    with refuses("list.jsonl", "line 1", "not an object"):
        read_table(path)


def test_a_broken_parquet_file_is_refused(tmp_path, refuses):
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with refuses("broken.parquet", "not readable as Parquet"):
        read_table(path)


def test_blanks_do_not_turn_a_column_of_numbers_into_text(tmp_path):
    path = tmp_path / "ages.csv"
    path.write_text("item,condition,text,target,age,note,empty\n1,a,x y,y,3.5,,\nNA,a,x y,y,,late,\n3,a,x y,y,NA,,\n")
    table = read_table(path)
    assert table["age"].dtype.kind == "f"
    assert table["age"].tolist()[0] == 3.5
    assert table["age"].isna().tolist() == [False, True, True]
    assert table["note"].tolist() == ["", "late", ""]
    assert table["empty"].tolist() == ["", "", ""]
    assert table["item"].tolist() == ["1", "NA", "3"]


@pytest.mark.parametrize("endless", ["inf", "-Infinity", "1e999"])
def test_numbers_without_an_end_stay_as_they_were_written(pairs, tmp_path, endless):
    path = tmp_path / "pairs.csv"
    pairs.assign(rt=["1.50", endless] * 4, start="", end="").to_csv(path, index=False)
    assert read_stimuli(path)["rt"].tolist() == ["1.50", endless] * 4


def test_what_is_not_clear_in_a_file_of_semicolons_stays_text_until_it_is_told(pairs, tmp_path):
    path = tmp_path / "pairs.csv"
    pairs.assign(rt=["1.234", "2.345"] * 4, n=["1 234", "12"] * 4, ip="192.168.100.200").to_csv(
        path, index=False, sep=";"
    )
    table = read_stimuli(path)
    assert table["rt"].tolist() == ["1.234", "2.345"] * 4
    assert table["n"].tolist() == [1234, 12] * 4
    assert table["ip"].tolist() == ["192.168.100.200"] * 8
    assert read_stimuli(path, decimal=".")["rt"].tolist() == [1.234, 2.345] * 4
    assert read_stimuli(path, decimal=",")["rt"].tolist() == [1234, 2345] * 4


def test_a_line_without_end_is_refused_with_its_number_as_in_a_corpus(refuses):
    row = '{"text": "é'
    with refuses("pairs.jsonl: the text of line 2 goes on for more than 64 MiB", "cut it"):
        read_json_lines(Path("pairs.jsonl"), "{}\n" + row.ljust(LONGEST))  # a byte more than it has characters


@pytest.mark.parametrize("blank", [" ", "\u00a0", " NA ", "<NA>"])
@pytest.mark.parametrize("number", ["1,5", "1.5", "15"])
def test_a_cell_of_blanks_is_a_blank_in_a_column_of_numbers(tmp_path, blank, number):
    path = tmp_path / "set.csv"
    path.write_text(f"item;text;x\n1;a;{number}\n1;b;{blank}\n", encoding="utf-8")
    first, second = read_table(path)["x"]
    assert first == float(number.replace(",", "."))
    assert second != second  # NaN


def test_a_column_of_text_keeps_its_cells_as_they_are(tmp_path):
    path = tmp_path / "set.csv"
    path.write_text("item;text;x\n1;a; 1,5\n1;b; \n1;c;#WERT!\n", encoding="utf-8")
    assert list(read_table(path)["x"]) == [" 1,5", " ", "#WERT!"]


@pytest.mark.parametrize(
    ("name", "data"), [("a.xlsx", b""), ("a.ODS", b""), ("a.csv", b"PK\x03\x04.."), ("b.csv", b"\xd0\xcf\x11\xe0")]
)
def test_a_workbook_is_told_as_one(tmp_path, refuses, name, data):
    (tmp_path / name).write_bytes(data)
    with refuses(name, "is a workbook of a spreadsheet", "CSV UTF-8"):
        read_table(tmp_path / name)

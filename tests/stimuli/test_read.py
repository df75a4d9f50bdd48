"""One door for everything that holds stimuli."""

import pandas as pd

import depthscope as ds


def test_a_path_a_frame_and_rows_give_the_same_table(pairs, tmp_path):
    path = tmp_path / "pairs.csv"
    pairs.to_csv(path, index=False)
    table = ds.read_stimuli(pairs)
    for source in (path, str(path), pairs.to_dict("records"), iter(pairs.to_dict("records"))):
        pd.testing.assert_frame_equal(ds.read_stimuli(source), table)


def test_errors_name_the_file(pairs, tmp_path, refuses):
    path = tmp_path / "mine.csv"
    pairs.assign(target="whale").to_csv(path, index=False)
    with refuses("mine.csv", "item 'shark'", "'whale'"):
        ds.read_stimuli(path)


def test_unpaired_tables_are_read_on_request(pairs):
    assert len(ds.read_stimuli(pairs[:1], paired=False)) == 1


def test_a_name_that_is_nothing_is_refused_with_what_there_is(refuses):
    with refuses("nowhere", "no such file", "no built-in set", "builtin", ".csv"):
        ds.read_stimuli("nowhere")


def test_a_public_set_needs_its_folder(refuses, tmp_path):
    with refuses("cardillo", "public set", "folder"):
        ds.read_stimuli("cardillo")
    with refuses("gone", "no such folder", "cardillo"):
        ds.read_stimuli("cardillo", folder=tmp_path / "gone")
    with refuses("'nonesuch'", "cardillo", "vua"):
        ds.read_stimuli("nonesuch", folder=tmp_path)


def test_a_file_goes_before_a_public_set_of_its_name(pairs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs.to_csv("vua.csv", index=False)
    assert len(ds.read_stimuli("vua.csv")) == 8


def test_rows_without_columns_are_refused(refuses):
    with refuses("no column item, condition, text"):
        ds.read_stimuli([])

"""Names inside folders are names, never paths."""

import pytest

from depthscope.store.names import given, inside


@pytest.mark.parametrize("name", ["a.csv", "figures/a.svg", "a..b", "..a", "a b/ü", "x:1b/..y"])
def test_a_name_is_looked_for_in_the_folder(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/../../b", "a/..", "/etc/passwd", "//a", "a\0b", "./", None, 7, ["a"], {"a": 1}]
)
def test_a_path_is_no_name(tmp_path, refuses, name):
    with refuses(str(tmp_path), "no name of something inside the folder"):
        inside(tmp_path, name)


def test_a_link_that_leads_out_is_not_followed_and_one_that_stays_is(tmp_path, refuses):
    folder, outside = tmp_path / "run", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "real").mkdir()
    (folder / "stays").symlink_to("real")
    (folder / "leaves").symlink_to(outside)
    (folder / "circle").symlink_to("circle")
    assert inside(folder, "stays/a.csv") == folder / "stays" / "a.csv"
    for name in ("leaves", "leaves/a.csv", "leaves/b/c"):
        with refuses(str(folder / name), "a link leads out"):
            inside(folder, name)
    with refuses("circle"):
        inside(folder, "circle")


def test_the_folder_itself_may_be_reached_through_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert inside(tmp_path / "link", "a.csv") == tmp_path / "link" / "a.csv"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("x" * 300, "too long for a name"),
        ("a/" * 3000 + "b", "too long for a name"),
        ("a\0b", "such a name"),
        ("a\ud800", "such a name"),
        ("", "no name of a folder"),
        (None, "no name of a folder"),
        (b"a", "no name of a folder"),
    ],
)
def test_what_no_file_can_be_called_is_no_name(name, word, refuses):
    with refuses(word, "a folder"):
        given(name, "a folder")


def test_a_name_need_not_be_that_of_something_there(tmp_path):
    for name in ("there/is/none", tmp_path, "x" * 255, "a\udcff"):
        assert str(given(name)) == str(name)


def test_a_record_that_names_what_nothing_can_be_called_is_refused(tmp_path, refuses):
    with refuses("nothing can be called", "anew"):
        inside(tmp_path, "x" * 300)

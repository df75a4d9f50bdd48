"""What an ONNX Runtime file (``.ort``) says of its graph: a FlatBuffer, of which few tables matter here."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError

IDENTIFIER = b"ORTM"
# by the numbers of ONNX
KINDS = {1: "<f4", 2: "|u1", 3: "|i1", 6: "<i4", 7: "<i8", 10: "<f2"}


@dataclass(frozen=True)
class Node:
    """An operation: its name, what it does, the names of what it reads."""

    name: str
    operator: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """The constant arrays of a model by name, and its nodes, those of nested graphs (the branches of an ``If``) among them.

    Arrays of nested graphs are left out: what both branches use stands in the graph around them.
    """

    arrays: dict[str, NDArray[Any]]
    nodes: tuple[Node, ...]


def read_graph(path: Path) -> Graph:
    """The graph of an ONNX Runtime file. Arrays are views of the file's bytes.

    Raises
    ------
    DepthscopeError
        The file is something else, is cut off, or holds its arrays elsewhere.
    """
    content = path.read_bytes()
    try:
        if content[4:8] != IDENTIFIER:
            raise ValueError("its identifier is missing")
        graph = _Table(content, _follow(content, 0)).table(1).table(7)  # session, model, graph
        arrays = dict(_array(tensor) for tensor in graph.tables(0))
        return Graph(arrays, tuple(_nodes(graph)))
    except (ValueError, KeyError, struct.error) as problem:
        raise DepthscopeError(f"{path}: this ONNX Runtime file cannot be read ({problem})") from None


def _array(tensor: "_Table") -> tuple[str, NDArray[Any]]:
    name, kind = tensor.text(0), tensor.number(3, "<i")
    if kind not in KINDS:
        raise ValueError(f"{name} holds numbers of kind {kind}, which are not known")
    shape = np.frombuffer(tensor.vector(2, 8), "<i8")
    return name, np.frombuffer(tensor.vector(4, 1), KINDS[kind]).reshape(shape)


def _nodes(graph: "_Table") -> list[Node]:
    found = []
    for node in graph.tables(2):
        found.append(Node(node.text(0), node.text(5), tuple(node.texts(8))))
        for attribute in node.tables(10):
            if attribute.has(7):
                found += _nodes(attribute.table(7))
    return found


class _Table:
    """A table of a FlatBuffer; its fields have numbers, and one that is left out has its type's zero."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content, self.place = content, place
        (back,) = struct.unpack_from("<i", content, place)
        if not 0 <= place - back < len(content):
            raise ValueError("a table has no list of fields")
        self.fields = place - back
        (self.size,) = struct.unpack_from("<H", content, self.fields)

    def _field(self, number: int) -> int:
        """Place of a field, 0 where it is left out."""
        entry = 4 + 2 * number
        if entry >= self.size:
            return 0
        (offset,) = struct.unpack_from("<H", self.content, self.fields + entry)
        return self.place + offset if offset else 0

    def has(self, number: int) -> bool:
        return self._field(number) != 0

    def number(self, number: int, form: str) -> int:
        place = self._field(number)
        return int(struct.unpack_from(form, self.content, place)[0]) if place else 0

    def table(self, number: int) -> "_Table":
        if not self.has(number):
            raise ValueError(f"field {number} of a table is missing")
        return _Table(self.content, _follow(self.content, self._field(number)))

    def vector(self, number: int, size: int) -> bytes:
        """The bytes of a vector whose elements have ``size`` bytes each."""
        place = self._field(number)
        return _vector(self.content, _follow(self.content, place), size) if place else b""

    def text(self, number: int) -> str:
        return self.vector(number, 1).decode()

    def tables(self, number: int) -> "list[_Table]":
        return [_Table(self.content, place) for place in self._places(number)]

    def texts(self, number: int) -> list[str]:
        return [_vector(self.content, place, 1).decode() for place in self._places(number)]

    def _places(self, number: int) -> list[int]:
        """Where the elements of a vector are that holds tables or texts."""
        place = self._field(number)
        if not place:
            return []
        start = _follow(self.content, place) + 4
        length = len(self.vector(number, 4)) // 4
        return [_follow(self.content, start + 4 * index) for index in range(length)]


def _follow(content: bytes, place: int) -> int:
    """Where the offset at ``place`` leads to: always onwards."""
    return place + int(struct.unpack_from("<I", content, place)[0])


def _vector(content: bytes, place: int, size: int) -> bytes:
    (length,) = struct.unpack_from("<I", content, place)
    end = place + 4 + size * length
    if end > len(content):
        raise ValueError("it is cut off")
    return content[place + 4 : end]

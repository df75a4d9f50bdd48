"""A writer of FlatBuffers, for tests: tables are dictionaries from field number to value."""

import struct
from typing import Any

import numpy as np

from depthscope.model.pretrained.ort import IDENTIFIER, KINDS


def flatbuffer(root: dict[int, Any], identifier: bytes) -> bytes:
    """The bytes of ``root``. Whole numbers stand in their table as 32 bits, everything else behind it."""
    content = bytearray(4) + identifier
    struct.pack_into("<I", content, 0, _table(content, root))
    return bytes(content)


def _table(content: bytearray, fields: dict[int, Any]) -> int:
    numbers = range(max(fields, default=-1) + 1)
    places = {number: 4 + 4 * index for index, number in enumerate(fields)}
    listed = len(content)
    content += struct.pack("<HH", 4 + 2 * len(numbers), 4 + 4 * len(fields))
    content += b"".join(struct.pack("<H", places.get(number, 0)) for number in numbers)
    content += bytes(-len(content) % 8)
    table = len(content)
    content += struct.pack("<i", table - listed) + bytes(4 * len(fields))
    for number, value in fields.items():
        place = table + places[number]
        if isinstance(value, int):
            struct.pack_into("<i", content, place, value)
        else:
            struct.pack_into("<I", content, place, _value(content, value) - place)
    return table


def _value(content: bytearray, value: Any) -> int:
    if isinstance(value, dict):
        return _table(content, value)
    content += bytes(-len(content) % 8 + 4)  # elements of eight bytes are aligned
    place = len(content)
    if isinstance(value, str):
        content += struct.pack("<I", len(value.encode())) + value.encode() + b"\0"
    elif isinstance(value, np.ndarray):
        content += struct.pack("<I", len(value)) + value.tobytes()
    else:
        content += struct.pack("<I", len(value)) + bytes(4 * len(value))
        for index, element in enumerate(value):
            slot = place + 4 + 4 * index
            struct.pack_into("<I", content, slot, _value(content, element) - slot)
    return place


def ort_file(arrays: dict[str, np.ndarray[Any, Any]], nodes: list[tuple[str, str, list[str]]], *inner: Any) -> bytes:
    """A model of ONNX Runtime. ``inner`` is (name, operator, inputs) of nodes in the two branches of an ``If``."""
    numbers = {form: number for number, form in KINDS.items()}
    tensors = [
        {
            0: name,
            2: np.array(array.shape, "<i8"),
            3: numbers[array.dtype.str],
            4: np.frombuffer(array.tobytes(), np.uint8),
        }
        for name, array in arrays.items()
    ]
    made: list[dict[int, Any]] = [_node(*node) for node in nodes]
    if inner:
        branches = [{0: name, 7: {2: [_node(*node) for node in inner]}} for name in ("then_branch", "else_branch")]
        made.append({**_node("choice", "If", ["condition"]), 10: branches})
    graph = {0: tensors, 2: made, 5: ["input"], 6: ["output"]}
    return flatbuffer({0: "6", 1: {0: 10, 2: "a test", 7: graph}}, IDENTIFIER)


def _node(name: str, operator: str, inputs: list[str]) -> dict[int, Any]:
    return {0: name, 5: operator, 8: inputs, 9: [f"{name}_output"]}

"""Encode cases' inputs and a student's answers as bytes, and decode them.

The reader of answers trusts nothing. It accepts numbers, strings, tuples, lists, dicts and raw arrays of
known dtypes, bounded in number, depth and size; anything else is a WireError. The reader of inputs also
accepts a TorchModule and an LSTMState. There is no pickle: a message contains no code, class or function.
A message is one JSON document followed by the bytes of its arrays, one after another.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import torch

from rnncourse.checks.framework.cases import TorchModule
from rnncourse.checks.framework.evaluate import Answer, Failure
from rnncourse.checks.framework.plain import Other, Plain
from rnncourse.grading.sandbox.messages import Buffer
from rnncourse.steps import LSTMState

MAX_BYTES = 64 * 2**20  # of a message
MAX_TREE = 8 * 2**20  # of its JSON
MAX_ITEMS, DEPTH, TEXT = 100_000, 8, 2_000

FLOATS_IN_JSON = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
)}  # fmt: skip
ARRAYS = {np.dtype(name).str for name in (
    "f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?",
)}  # fmt: skip
FAILURES = {"not written", "raised", "problem", "too slow", "not a function"}


class WireError(ValueError):
    """The bytes are not a valid message."""


def pack_answers(answers: list[Answer]) -> bytes:
    arrays: list[bytes] = []
    rows = [
        {
            "returned": _tree(answer.returned, arrays),
            "failure": None if answer.failure is None else vars(answer.failure),
            "calls": answer.calls,
            "at": answer.at,
            "changed": list(answer.changed),
            "printed": answer.printed,
            "warned": answer.warned,
            "seconds": answer.seconds,
        }
        for answer in answers
    ]
    return _joined(rows, arrays)


def pack_inputs(inputs: list[list[dict[str, Any]]]) -> bytes:
    """Encode, for each task, the arguments of its cases by name."""
    arrays: list[bytes] = []
    return _joined(_tree(inputs, arrays), arrays)


def unpack_inputs(message: bytes) -> list[list[dict[str, Any]]]:
    """Decode the result of `pack_inputs`."""
    tree, rest = _split(message)
    return _InputReader(rest).plain(tree, 0)


def _joined(tree: Any, arrays: list[bytes]) -> bytes:
    head = json.dumps(tree).encode()
    return b"".join([len(head).to_bytes(8, "little"), head, *arrays])


def _split(message: Buffer) -> tuple[Any, memoryview]:
    """Return a message's JSON document and the bytes of its arrays."""
    length = int.from_bytes(message[:8], "little")
    if len(message) > MAX_BYTES or length > min(len(message) - 8, MAX_TREE):
        raise WireError("sizes")
    return json.loads(bytes(message[8 : 8 + length])), memoryview(message)[8 + length :]


def unpack_answers(message: Buffer, count: int) -> list[Answer]:
    """Decode the `count` answers of a message; raise WireError if it is anything else."""
    try:
        rows, rest = _split(message)
        reader = _Reader(rest)
        if type(rows) is not list or len(rows) != count:
            raise WireError("rows")
        answers = [_answer(row, reader) for row in rows]
        if len(reader.rest):
            raise WireError("bytes left over")
        return answers
    except WireError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, OverflowError) as error:
        raise WireError(str(error)) from None


def _answer(row: dict, reader: _Reader) -> Answer:
    failure = row["failure"]
    if failure is not None:
        failure = Failure(
            **{name: _text(failure[name]) for name in ("kind", "error", "message", "line", "inner")}
        )
        if failure.kind not in FAILURES:
            raise WireError("kind of failure")
    seconds = float(row["seconds"])
    if not 0 <= seconds < 1e6:
        raise WireError("seconds")
    return Answer(
        returned=reader.plain(row["returned"], 0),
        failure=failure,
        calls=None if row["calls"] is None else _text(row["calls"]),
        at=_text(row["at"]),
        changed=tuple(_text(name) for name in row["changed"][:100]),
        printed=_text(row["printed"]),
        warned=_text(row["warned"]),
        seconds=seconds,
    )


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > TEXT:
        raise WireError("text")
    return value.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written to a file


def _tree(value: Plain | TorchModule, arrays: list[bytes]) -> Any:
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype not in DTYPES:
            return ["other", f"tensor of {dtype}"]
        flat = value.resolve_conj().resolve_neg().contiguous().flatten()
        flat = torch.view_as_real(flat) if flat.is_complex() else flat
        arrays.append(flat.view(torch.uint8).numpy().tobytes())
        return ["tensor", dtype, list(value.shape)]
    if isinstance(value, np.ndarray):
        if value.dtype.str not in ARRAYS:
            return ["other", f"array of {value.dtype}"]
        arrays.append(np.ascontiguousarray(value).tobytes())
        return ["array", value.dtype.str, list(value.shape)]
    if isinstance(value, Other):
        return ["other", value.type_name]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return ["int", str(value)] if value.bit_length() < 64 else ["other", "a very large int"]
    if isinstance(value, float):
        return value if math.isfinite(value) else ["float", str(value)]
    if isinstance(value, str):
        return ["str", value[:TEXT]]
    if isinstance(value, dict):
        return ["dict", [[_tree(key, arrays), _tree(item, arrays)] for key, item in value.items()]]
    if isinstance(value, TorchModule):
        given = [_tree(value.options, arrays), _tree(value.parameters, arrays)]
        return ["module", value.name, *given, value.trains]
    return [type(value).__name__, [_tree(item, arrays) for item in value]]


def _int(value: Any) -> int:
    number = int(_text(value))
    if number.bit_length() >= 64:
        raise WireError("int")
    return number


class _Reader:
    def __init__(self, rest: memoryview) -> None:
        self.rest, self.items = rest, 0

    def plain(self, tree: Any, depth: int) -> Plain:
        self.items += 1
        if self.items > MAX_ITEMS or depth > DEPTH:
            raise WireError("too much")
        if tree is None or type(tree) in (bool, float):
            return tree
        kind, value, *shape = tree
        if kind in ("list", "tuple"):
            items = [self.plain(item, depth + 1) for item in value]
            return items if kind == "list" else tuple(items)
        if kind == "dict":
            pairs = [(self.plain(key, depth + 1), self.plain(item, depth + 1)) for key, item in value]
            if any(type(key) not in (str, int) for key, _ in pairs):
                raise WireError("key")
            return dict(pairs)
        if kind in ("str", "other"):
            return _text(value) if kind == "str" else Other(_text(value))
        if kind == "int":
            return _int(value)
        if kind == "float":
            return FLOATS_IN_JSON[value]
        if kind == "tensor":
            return self._tensor(DTYPES[value], shape[0])
        if kind == "array" and value in ARRAYS:
            dtype = np.dtype(value)
            return np.frombuffer(self._bytes(shape[0], dtype.itemsize), dtype).reshape(shape[0])
        raise WireError(f"kind {kind!r}")

    def _tensor(self, dtype: torch.dtype, shape: list[int]) -> torch.Tensor:
        data = self._bytes(shape, dtype.itemsize)
        if not data:
            return torch.empty(shape, dtype=dtype)
        flat = torch.frombuffer(data, dtype=torch.uint8)
        return (flat.ne(0) if dtype == torch.bool else flat.view(dtype)).view(shape)

    def _bytes(self, shape: list[int], itemsize: int) -> bytearray:
        if len(shape) > 16 or any(type(size) is not int or size < 0 for size in shape):
            raise WireError("shape")
        size = math.prod(shape) * itemsize
        if size > len(self.rest):
            raise WireError("array")
        data, self.rest = bytearray(self.rest[:size]), self.rest[size:]
        return data


class _InputReader(_Reader):
    """Reads what the grader wrote, with two more classes that tasks get as arguments."""

    def plain(self, tree: Any, depth: int) -> Any:
        if type(tree) is list and tree[0] == "module":
            _, name, options, parameters, trains = tree
            return TorchModule(name, self.plain(options, depth), self.plain(parameters, depth), trains)
        if type(tree) is list and tree[0] == "LSTMState":
            return LSTMState(*(self.plain(item, depth + 1) for item in tree[1]))
        return super().plain(tree, depth)

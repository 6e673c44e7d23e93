"""Send and receive messages through a pipe: eight bytes of length, then the bytes."""

from __future__ import annotations

import mmap
import os


def read_message(file: int) -> bytes:
    length = int.from_bytes(read(file, 8), "little")
    return read(file, length)


def read(file: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(file, min(length, 2**20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def send(file: int, message: bytes) -> None:
    write_all(file, len(message).to_bytes(8, "little") + message)


def write_all(file: int, message: bytes | mmap.mmap | memoryview) -> None:
    rest = memoryview(message)
    while rest:
        rest = rest[os.write(file, rest) :]

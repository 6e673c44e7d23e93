"""Write files so that a reader sees the old file or the new one, never half of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rnncourse.grading.errors import UserError

# A cell that begins with one of these is a formula to a spreadsheet, which may start programs.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` only once it is whole.

    Cut off before that, it leaves `path` as it was, and a hidden .tmp file that the next run writes over.
    UserError where it can't be written: the disk is full, say, or the folder is another user's.
    """
    with as_user_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        with temporary.open("wb") as file:
            yield file
        os.replace(temporary, path)


@contextmanager
def as_user_error(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write `path` into a sentence."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} can't be written ({error.strerror or error})") from None


@contextmanager
def exclusive_folder(out: Path) -> Iterator[None]:
    """Let no other run write into this folder meanwhile; UserError where one does. Its end frees it."""
    with as_user_error(out):
        folder = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = "wait for its end, or pass another --out"
            raise UserError(f"another run is writing into {out}: {words}") from None
        yield
    finally:
        os.close(folder)


def to_utf8(text: str) -> bytes:
    r"""UTF-8. Half a surrogate pair, which is no character, goes as \udXXX: JSON reads it back as it is."""
    return text.encode("utf-8", "backslashreplace")


def as_text_cell(text: str) -> str:
    """A spreadsheet takes what begins with ' for text."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text

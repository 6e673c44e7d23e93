"""Write files so that a reader sees either the old or the new version, never half of one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rnncourse.grading.errors import UserError

# A spreadsheet reads a cell that begins with one of these as a formula, which may start programs.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to, which replaces `path` once it is complete.

    If the writing is interrupted, `path` is unchanged, and the next run overwrites the hidden .tmp file that
    is left. Raise UserError if it cannot be written, for example because the disk is full.
    """
    with as_user_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        with temporary.open("wb") as file:
            yield file
        os.replace(temporary, path)


@contextmanager
def as_user_error(path: Path) -> Iterator[None]:
    """Turn an OSError while `path` is written into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error})") from None


@contextmanager
def exclusive_folder(out: Path) -> Iterator[None]:
    """Lock the folder against other runs until the block ends; raise UserError if another run holds it."""
    with as_user_error(out):
        folder = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = "wait until it ends, or pass another --out"
            raise UserError(f"another run is writing into {out}: {words}") from None
        yield
    finally:
        os.close(folder)


def to_utf8(text: str) -> bytes:
    r"""Encode as UTF-8. Half a surrogate pair, which UTF-8 lacks, becomes \udXXX, which JSON reads back."""
    return text.encode("utf-8", "backslashreplace")


def as_text_cell(text: str) -> str:
    """Put ' before a text that a spreadsheet would read as a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text

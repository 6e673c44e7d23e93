"""What lies in a folder or in a zip, and a bounded way to read it. Nothing is unpacked, no link is followed.

A zip's own words about sizes are not believed: what comes out is counted while it is read.
The zip format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import functools
import io
import itertools
import os
import re
import stat
import struct
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rnncourse.grading.errors import UserError

MOST_BYTES = 64 * 2**20  # of one notebook, and of one zip in a zip
MOST_ENTRIES = 500_000  # of a zip
MOST_ENTRIES_INSIDE = 10_000  # of a zip in a zip

NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)  # some browsers add the second ending
LITTER = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini", "timestamp.txt", "node_modules", "venv"}
# Of names in a zip that do not say their encoding: each, with the characters that names in it are made of.
ENCODINGS = [
    ("utf-8", re.compile(".")),
    ("cp437", re.compile("[\u00c0-\u024fªº¿¡]")),
    ("cp1256", re.compile("[\u0600-\u06ff\u200c\u200d\u00a0]")),
    ("cp866", re.compile("[\u0400-\u04ff№]")),
    ("gbk", re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
    ("cp932", re.compile("[\u3040-\u30ff\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
]
ENTRY = b"PK\x01\x02"  # begins each entry of a zip's directory
ENCRYPTED, UTF8 = 0x1, 0x800  # bits of an entry's flags

# What zipfile raises for a zip that is none, or not whole.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)

LINK = "is a link to another place, and links are not followed. Hand in the file itself"
NO_FILE = "is no ordinary file (a device, a pipe or a socket)"


@dataclass(frozen=True)
class Location:
    """Where a file's bytes are; picklable. entries: number and name in the zip, then in the zip in it."""

    path: str
    entries: tuple[tuple[int, str], ...] = ()

    def read(self) -> bytes:
        """At most MOST_BYTES; UserError if there are more, or if they can't be had."""
        try:
            if not self.entries:
                return _read_file(self.path)
            archive = _archive(self.path, *_stamp(self.path))
            for entry in self.entries[:-1]:
                archive = zipfile.ZipFile(io.BytesIO(_read_entry(archive, *entry)))
            return _read_entry(archive, *self.entries[-1])
        except UserError:
            raise
        except OSError as error:
            raise UserError(f"the file can't be read ({_words(error)})") from None
        except DAMAGED as error:
            raise UserError(f"the zip is damaged ({_words(error)})") from None


@dataclass(frozen=True)
class File:
    """parts: folders and name, from the top, in NFC. when: of its last change, to compare.

    problem: why it can't be read, to stand after its name.
    kind: "notebook", "zip", "other"; "folder" for one that can't be looked into, or has nothing in it.
    """

    parts: tuple[str, ...]
    kind: str
    place: Location
    when: tuple[int, ...] = ()
    problem: str = ""

    @property
    def name(self) -> str:
        return self.parts[-1]


def list_files(path: Path) -> list[File]:
    """List the files of a folder or a zip in the order of their paths, without litter."""
    if path.is_dir():
        found = list(_in_folder(path))
    elif not path.exists():
        raise UserError(f"{path}: there is no such file or folder")
    elif not path.is_file():
        raise UserError(f"{path} {NO_FILE}: expected a folder or a zip")
    else:
        found = _in_zip_file(path)
    if not found:
        raise UserError(f"{path} is empty: expected students' notebooks")
    return sorted(found, key=sort_key)


def list_zip(file: File) -> list[File]:
    """The files of a zip that a student handed in, their parts from its own top; UserError in a sentence."""
    data = file.place.read()
    if data.count(ENTRY) > MOST_ENTRIES_INSIDE:
        raise UserError(f"the zip has more than {MOST_ENTRIES_INSIDE} files in it")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (OSError, *DAMAGED) as error:
        raise UserError(f"the zip is damaged, or is none ({_words(error)})") from None
    found = list(_in_zip(archive, file.place))
    return sorted(found, key=sort_key)


def sort_key(file: File) -> tuple:
    return file.parts, file.place.path, file.place.entries


def _in_folder(top: Path) -> Iterator[File]:
    waiting: list[tuple[str, tuple[str, ...]]] = [(os.path.abspath(top), ())]
    while waiting:
        folder, parts = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if not parts:
                raise UserError(f"{top} can't be opened ({_words(error)})") from None
            yield File(parts, "folder", Location(folder), problem=f"can't be opened ({_words(error)})")
            continue
        entries = [entry for entry in entries if not _litter(entry.name)]
        if parts and not entries:
            yield File(parts, "folder", Location(folder))
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, (*parts, printable_name(entry.name))))
            else:
                yield _on_disk(entry, (*parts, printable_name(entry.name)))


def _on_disk(entry: os.DirEntry, parts: tuple[str, ...]) -> File:
    try:
        about = entry.stat(follow_symlinks=False)
    except OSError as error:
        return File(parts, _kind(parts[-1]), Location(entry.path), problem=f"can't be read ({_words(error)})")
    problem = "" if stat.S_ISREG(about.st_mode) else LINK if stat.S_ISLNK(about.st_mode) else NO_FILE
    kind = "folder" if problem == LINK and entry.is_dir() else _kind(parts[-1])
    seconds, nanoseconds = divmod(about.st_mtime_ns, 10**9)
    return File(parts, kind, Location(entry.path), (*time.gmtime(seconds)[:6], nanoseconds), problem)


def _in_zip_file(path: Path) -> list[File]:
    with path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            raise UserError(f"{path} is no zip: expected a folder or a zip of students' notebooks")
        if _count(stream) > MOST_ENTRIES:
            raise UserError(f"{path} has more than {MOST_ENTRIES} files in it: give its parts one by one")
    try:
        whole = os.path.abspath(path)  # whoever reads may do so from another folder
        archive = _archive(whole, *_stamp(whole))
        files = [info for info in archive.infolist() if not info.is_dir()]
        if files and all(info.flag_bits & ENCRYPTED for info in files):
            raise UserError("it is encrypted. Unpack it with its password, and give the folder")
        return list(_in_zip(archive, Location(whole)))
    except UserError as error:
        raise UserError(f"{path} is not opened: {error}") from None
    except (OSError, *DAMAGED) as error:
        raise UserError(f"{path} is no whole zip ({_words(error)}). Was the download cut off?") from None


def _in_zip(archive: zipfile.ZipFile, place: Location) -> Iterator[File]:
    encoding = _encoding(archive)
    for k, info in enumerate(archive.infolist()):
        path = _safe_parts(info, encoding)
        parts = tuple(itertools.takewhile(lambda part: not _litter(part), path))
        if not parts:
            continue
        if parts != path:
            yield File(parts, "folder", place)  # what litter lies in is a folder, as good as empty
            continue
        entry = Location(place.path, (*place.entries, (k, info.orig_filename)))
        kind = "folder" if info.is_dir() or (_is_link(info) and "." not in parts[-1]) else _kind(parts[-1])
        yield File(parts, kind, entry, info.date_time, "" if info.is_dir() else _problem(info))


def _encoding(archive: zipfile.ZipFile) -> str:
    """Tell in which encoding a zip's names are that do not say it: the one that makes letters of all of them.

    macOS writes UTF-8 without saying so, Windows the encoding of its user's language.
    """
    raw = [
        info.orig_filename.encode("cp437", "replace")
        for info in archive.infolist()
        if not info.flag_bits & UTF8 and not info.orig_filename.isascii()
    ]
    for encoding, letters in ENCODINGS:
        with suppress(UnicodeError):
            words = "".join(name.decode(encoding) for name in raw)
            if all(character.isascii() or letters.match(character) for character in words):
                return encoding
    return "cp437"


def _safe_parts(info: zipfile.ZipInfo, encoding: str) -> tuple[str, ...]:
    """Return the parts of an entry's path; raise UserError if it leads out of the zip's own folder."""
    name = info.orig_filename.split("\0")[0]
    if not info.flag_bits & UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode(encoding)
    parts = re.split(r"[/\\]", name)
    if ".." in parts or parts[0] == "" or re.fullmatch("[A-Za-z]:", parts[0]):
        raise UserError(f"`{name[:80]}` in it leads out of the folder that it would be unpacked to")
    return tuple(printable_name(part) for part in parts if part not in ("", "."))


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)


def _problem(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if _is_link(info):
        return LINK
    if kind not in (0, stat.S_IFREG):
        return NO_FILE
    if info.flag_bits & ENCRYPTED:
        return "is encrypted. Hand it in without a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unusual way: expected an ordinary zip (deflate)"
    return ""


def _read_file(path: str) -> bytes:
    # Without waiting for the other end of a pipe, and without going where a link leads.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as stream:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise UserError(f"it {NO_FILE}")
        if about.st_size > MOST_BYTES:
            raise UserError(_too_big(f"it has {about.st_size / 2**20:.0f} MB,"))
        return _bounded(stream)


def _read_entry(archive: zipfile.ZipFile, k: int, name: str) -> bytes:
    infos = archive.infolist()
    if k >= len(infos) or infos[k].orig_filename != name:
        raise UserError("the zip was changed while it was graded")
    if problem := _problem(infos[k]):
        raise UserError(f"it {problem}")
    with archive.open(infos[k]) as stream:
        return _bounded(stream)


def _bounded(stream: IO[bytes]) -> bytes:
    """Return all of it, however small it was packed: equal lines shrink a thousand times."""
    data = bytearray()
    while part := stream.read(2**20):
        data += part
        if len(data) > MOST_BYTES:
            raise UserError(_too_big("unpacked it has"))
    return bytes(data)


def _too_big(start: str) -> str:
    return f"{start} more than {MOST_BYTES // 2**20} MB. Was a very long output, or data, saved in it?"


@functools.lru_cache(maxsize=2)
def _archive(path: str, size: int, changed: int) -> zipfile.ZipFile:
    """Kept open: the directory of a zip of 10,000 is not read 10,000 times."""
    return zipfile.ZipFile(path)


def _stamp(path: str) -> tuple[int, int]:
    about = os.stat(path)
    return about.st_size, about.st_mtime_ns


def _count(stream: IO[bytes]) -> int:
    """At least the entries of a zip, before any memory is spent on them."""
    stream.seek(0)
    found, tail = 0, b""
    while part := stream.read(2**22):
        found += (tail + part).count(ENTRY)
        tail = (tail + part)[-3:]
    return found


def _litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER


def _kind(name: str) -> str:
    if NOTEBOOK.search(name):
        return "notebook"
    return "zip" if name.lower().endswith(".zip") else "other"


def printable_name(name: str) -> str:
    """A name as text: in NFC, without control characters; bytes that are no UTF-8 as Windows shows them."""
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("cp1252", "replace")
    return "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", name)).strip() or "_"


def _words(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(words.split())[:120] or type(error).__name__

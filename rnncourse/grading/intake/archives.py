"""List and read the files of folders and zips, within bounds. Nothing is unpacked and no link is followed.

The sizes that a zip states are not trusted: bytes are counted while they are read.
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

MAX_BYTES = 64 * 2**20  # of one notebook, and of one zip in a zip
MAX_ENTRIES = 500_000  # of a zip
MAX_ENTRIES_INSIDE = 10_000  # of a zip in a zip

NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)  # some browsers add the second ending
LITTER = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini", "timestamp.txt", "node_modules", "venv"}
# Encodings to try for names in a zip that do not state theirs, each with the characters that such names have.
ENCODINGS = [
    ("utf-8", re.compile(".")),
    ("cp437", re.compile("[\u00c0-\u024fªº¿¡]")),
    ("cp1256", re.compile("[\u0600-\u06ff\u200c\u200d\u00a0]")),
    ("cp866", re.compile("[\u0400-\u04ff№]")),
    ("gbk", re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
    ("cp932", re.compile("[\u3040-\u30ff\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")),
]
ENTRY = b"PK\x01\x02"  # the first bytes of each entry in a zip's directory
ENCRYPTED, UTF8 = 0x1, 0x800  # bits of an entry's flags

# What zipfile raises if a file is not a zip, or not a complete one.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)

LINK = "is a link, and links are not followed. Submit the file itself"
NO_FILE = "is not a regular file (but a device, a pipe or a socket)"


@dataclass(frozen=True)
class Location:
    """The location of a file's bytes; picklable.

    entries: number and name in the zip, then in the zip inside it; () for a file on disk.
    """

    path: str
    entries: tuple[tuple[int, str], ...] = ()

    def read(self) -> bytes:
        """Return the bytes; raise UserError if there are more than MAX_BYTES, or if they cannot be read."""
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
            raise UserError(f"the file cannot be read ({_words(error)})") from None
        except DAMAGED as error:
            raise UserError(f"the zip is damaged ({_words(error)})") from None


@dataclass(frozen=True)
class File:
    """A file that was found in a folder or a zip.

    parts: folders and name, from the top, in NFC. kind: "notebook", "zip" or "other"; "folder" for a folder
    that is empty or cannot be opened. when: the time of its last change, for comparisons. problem: why it
    cannot be read, phrased to follow its name.
    """

    parts: tuple[str, ...]
    kind: str
    location: Location
    when: tuple[int, ...] = ()
    problem: str = ""

    @property
    def name(self) -> str:
        return self.parts[-1]


def list_files(path: Path) -> list[File]:
    """Return the files of a folder or a zip, sorted by path, without the system's own (`.DS_Store` …)."""
    if path.is_dir():
        found = list(_in_folder(path))
    elif not path.exists():
        raise UserError(f"there is no file or folder {path}")
    elif not path.is_file():
        raise UserError(f"{path} {NO_FILE}: expected a folder or a zip")
    else:
        found = _in_zip_file(path)
    if not found:
        raise UserError(f"{path} is empty: expected students' notebooks")
    return sorted(found, key=sort_key)


def list_zip(file: File) -> list[File]:
    """Return the files of a student's zip, with paths inside it; raise UserError if it cannot be listed."""
    data = file.location.read()
    if data.count(ENTRY) > MAX_ENTRIES_INSIDE:
        raise UserError(f"the zip contains more than {MAX_ENTRIES_INSIDE} files")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (OSError, *DAMAGED) as error:
        raise UserError(f"the file is damaged or not a zip ({_words(error)})") from None
    found = list(_in_zip(archive, file.location))
    return sorted(found, key=sort_key)


def sort_key(file: File) -> tuple:
    return file.parts, file.location.path, file.location.entries


def _in_folder(top: Path) -> Iterator[File]:
    waiting: list[tuple[str, tuple[str, ...]]] = [(os.path.abspath(top), ())]
    while waiting:
        folder, parts = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if not parts:
                raise UserError(f"{top} cannot be opened ({_words(error)})") from None
            yield File(parts, "folder", Location(folder), problem=f"cannot be opened ({_words(error)})")
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
        problem = f"cannot be read ({_words(error)})"
        return File(parts, _kind(parts[-1]), Location(entry.path), problem=problem)
    problem = "" if stat.S_ISREG(about.st_mode) else LINK if stat.S_ISLNK(about.st_mode) else NO_FILE
    kind = "folder" if problem == LINK and entry.is_dir() else _kind(parts[-1])
    seconds, nanoseconds = divmod(about.st_mtime_ns, 10**9)
    return File(parts, kind, Location(entry.path), (*time.gmtime(seconds)[:6], nanoseconds), problem)


def _in_zip_file(path: Path) -> list[File]:
    with path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            raise UserError(f"{path} is not a zip: expected a folder or a zip of students' notebooks")
        if _count(stream) > MAX_ENTRIES:
            raise UserError(f"{path} contains more than {MAX_ENTRIES} files: grade it in parts")
    try:
        whole = os.path.abspath(path)  # another process, in another working directory, may read it
        archive = _archive(whole, *_stamp(whole))
        files = [info for info in archive.infolist() if not info.is_dir()]
        if files and all(info.flag_bits & ENCRYPTED for info in files):
            raise UserError("it is encrypted. Unpack it with its password, and pass the folder")
        return list(_in_zip(archive, Location(whole)))
    except UserError as error:
        raise UserError(f"{path} cannot be opened: {error}") from None
    except (OSError, *DAMAGED) as error:
        raise UserError(
            f"{path} is not a complete zip ({_words(error)}). Was the download cut off?"
        ) from None


def _in_zip(archive: zipfile.ZipFile, location: Location) -> Iterator[File]:
    encoding = _encoding(archive)
    for k, info in enumerate(archive.infolist()):
        path = _safe_parts(info, encoding)
        parts = tuple(itertools.takewhile(lambda part: not _litter(part), path))
        if not parts:
            continue
        if parts != path:
            yield File(parts, "folder", location)  # the parent folder may contain nothing else
            continue
        entry = Location(location.path, (*location.entries, (k, info.orig_filename)))
        kind = "folder" if info.is_dir() or (_is_link(info) and "." not in parts[-1]) else _kind(parts[-1])
        yield File(parts, kind, entry, info.date_time, "" if info.is_dir() else _problem(info))


def _encoding(archive: zipfile.ZipFile) -> str:
    """Guess the encoding of names that do not state theirs: the first that turns all of them into letters.

    macOS writes UTF-8 without marking it; Windows writes the encoding of its user's language.
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
        raise UserError(f"its entry `{name[:80]}` points outside the folder that it would be unpacked to")
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
        return "is encrypted. Submit it without a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unusual way: expected an ordinary zip (deflate)"
    return ""


def _read_file(path: str) -> bytes:
    # Do not wait for the other end of a pipe, and do not follow a link.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as stream:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise UserError(f"it {NO_FILE}")
        if about.st_size > MAX_BYTES:
            raise UserError(_too_big(f"it has {about.st_size / 2**20:.0f} MB,"))
        return _bounded(stream)


def _read_entry(archive: zipfile.ZipFile, k: int, name: str) -> bytes:
    infos = archive.infolist()
    if k >= len(infos) or infos[k].orig_filename != name:
        raise UserError("the zip was changed while it was being graded")
    if problem := _problem(infos[k]):
        raise UserError(f"it {problem}")
    with archive.open(infos[k]) as stream:
        return _bounded(stream)


def _bounded(stream: IO[bytes]) -> bytes:
    """Return all bytes, or raise UserError: a thousandfold compression must not fill the memory."""
    data = bytearray()
    while part := stream.read(2**20):
        data += part
        if len(data) > MAX_BYTES:
            raise UserError(_too_big("unpacked, it has"))
    return bytes(data)


def _too_big(start: str) -> str:
    return f"{start} more than {MAX_BYTES // 2**20} MB. Does it contain a very long output, or data?"


@functools.lru_cache(maxsize=2)
def _archive(path: str, size: int, changed: int) -> zipfile.ZipFile:
    """Return an open zip, cached so that its directory is not read once per submission."""
    return zipfile.ZipFile(path)


def _stamp(path: str) -> tuple[int, int]:
    about = os.stat(path)
    return about.st_size, about.st_mtime_ns


def _count(stream: IO[bytes]) -> int:
    """Return an upper bound for the number of a zip's entries, without holding them in memory."""
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
    """Return a name in NFC without control characters; bytes that are not UTF-8 are read as cp1252."""
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("cp1252", "replace")
    return "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", name)).strip() or "_"


def _words(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(words.split())[:120] or type(error).__name__

"""Files of raw data, which are untrusted: what is listed, what is refused, their digest.

The Snakefile calls :func:`digest` for every subject while it is parsed: nothing heavy is imported,
nothing hangs, and no subject's folder can stop the others.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from pathlib import Path

from ricenet.provenance import digests

# A series has some hundred files, an export of one patient some ten thousand.
MAX_FILES = 100_000
MAX_DEPTH = 32  # exports nest patient, study, series
MAX_BYTES = 2**36


def exists(path: str | Path) -> bool:
    """Return whether a path exists; False, too, for one that is invalid on this system."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where a name is too long


def listed(path: str | Path) -> list[Path]:
    """Return the regular files of a raw input in name order.

    The file itself, or all below the folder.

    The path itself may be a link. Below it a link may lead to a file of the same folder only:
    whatever else it leads to is not what the subject's row names.

    Raises
    ------
    ValueError
        Something that is neither file nor folder (pipe, device, ...), links that lead elsewhere,
        folders that cannot be opened, or more than a study can hold. No name is in the message.
    """
    path = Path(path)
    try:
        root, mode = os.path.realpath(path), path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ValueError(
            f"the raw path cannot be opened ({type(error).__name__}); correct the subject's row"
        ) from None
    if stat.S_ISREG(mode):
        files = [path, *_partner(path)]
        _require_size(files)
        return files
    if not stat.S_ISDIR(mode):
        raise ValueError(
            f"the raw path is {_kind_of(mode)}, neither file nor folder; correct the subject's row"
        )
    found, odd = _walk(path, root)
    if odd:
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(odd.items()))
        raise ValueError(
            f"the folder holds {listed}: nothing is read from it; put the files themselves there, "
            f"and nothing else"
        )
    _require_size(found)
    return sorted(found)


def _partner(path: Path) -> list[Path]:
    """Find the header of a NIfTI pair, which its ``.img`` cannot be read without."""
    header = path.with_suffix(".hdr")
    return [header] if path.suffix.lower() == ".img" and header.is_file() else []


def _walk(folder: Path, root: str) -> tuple[list[Path], Counter[str]]:
    """Return the files below a folder, and how many entries of each kind that is refused."""
    found: list[Path] = []
    odd: Counter[str] = Counter()
    waiting = [(os.fspath(folder), 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except OSError:
            odd["folders that cannot be opened"] += 1
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, depth + 1))
            elif kind := _refused(entry, root):
                odd[kind] += 1
            else:
                found.append(Path(entry.path))
        if depth > MAX_DEPTH or len(found) + len(waiting) > MAX_FILES:
            raise ValueError(
                f"the folder holds more than {MAX_FILES} files, or folders more than "
                f"{MAX_DEPTH} deep; give the folder of one series"
            )
    return found, odd


def _refused(entry: os.DirEntry, root: str) -> str:
    """Return the kind of an entry that is not a file of the folder; empty for one that is."""
    if entry.is_file(follow_symlinks=False):
        return ""
    if not entry.is_symlink():
        return f"entries that are {_kind_of(entry.stat(follow_symlinks=False).st_mode)}"
    try:
        mode = entry.stat().st_mode
    except OSError:
        return "links that lead nowhere"
    if not Path(os.path.realpath(entry.path)).is_relative_to(root):
        return "links out of the folder"
    return "" if stat.S_ISREG(mode) else "links to other than files"


def _kind_of(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _require_size(files: list[Path]) -> None:
    size = sum(file.stat().st_size for file in files)
    if size > MAX_BYTES:
        raise ValueError(f"the raw data are {size / 2**30:.0f} GiB: no image or dose is that large")


def digest(path: str | Path, *, memory: dict[str, list]) -> str:
    """Return the digest of a raw input's content: names within the folder, and bytes.

    ``memory`` remembers the sha256 of each file by size and modification time, so that a file is
    read again only when one of the two has changed; touching it changes the digest not at all.

    It is made for all subjects before any job starts: where nothing can be read it is the word
    ``unreadable``, and the subject's own job reports why.
    """
    path = Path(path)
    found = hashlib.sha256()
    try:
        for file in listed(path):
            known = _bytes_digest_once(file, memory)
            name = file.name if path.is_file() else file.relative_to(path)
            found.update(os.fsencode(name) + f" {known}\n".encode())
    except (OSError, ValueError):
        return "unreadable"
    return found.hexdigest()


def _bytes_digest_once(file: Path, memory: dict[str, list]) -> str:
    status = file.stat()
    # file names are bytes and need not be text; the memory is text
    key = os.fsencode(file.resolve()).decode("utf-8", "backslashreplace")
    stamp = [status.st_size, status.st_mtime_ns]
    known = memory.get(key)
    if known is None or known[:2] != stamp:
        known = memory[key] = [*stamp, digests.bytes_digest(file)]
    return known[2]

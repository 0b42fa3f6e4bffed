"""raw_files: what changes the digest of raw data, and what is never read."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from ricenet.provenance import atomic, digests, raw_files


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    (folder / "deeper").mkdir(parents=True)
    (folder / "1.dcm").write_bytes(b"one")
    (folder / "deeper" / "2.dcm").write_bytes(b"two")
    return folder


def test_raw_digest_of_touched_files_is_unchanged(raw: Path) -> None:
    memory: dict = {}
    before = raw_files.digest(raw, memory=memory)
    os.utime(raw / "1.dcm", ns=(1, 1))
    assert raw_files.digest(raw, memory=memory) == before
    assert raw_files.digest(raw, memory={}) == before
    again = json.loads(json.dumps(memory))
    assert raw_files.digest(raw, memory=again) == before and again == memory


def overwrite(raw: Path) -> None:
    path = raw / "1.dcm"
    stamp = path.stat().st_mtime_ns
    path.write_bytes(b"uno")
    os.utime(path, ns=(stamp + 1, stamp + 1))


@pytest.mark.parametrize(
    "change",
    [
        overwrite,
        lambda raw: (raw / "1.dcm").rename(raw / "3.dcm"),
        lambda raw: (raw / "1.dcm").rename(raw / "deeper" / "1.dcm"),
        lambda raw: (raw / "1.dcm").unlink(),
        lambda raw: (raw / "3.dcm").write_bytes(b""),
    ],
)
def test_raw_digest_sees(change, raw: Path) -> None:
    memory: dict = {}
    before = raw_files.digest(raw, memory=memory)
    change(raw)
    after = raw_files.digest(raw, memory=memory)
    assert after != before
    assert after == raw_files.digest(raw, memory={})


def test_unchanged_raw_files_are_not_read_again(raw: Path, monkeypatch) -> None:
    memory: dict = {}
    before = raw_files.digest(raw, memory=memory)
    monkeypatch.setattr(digests, "bytes_digest", lambda path: pytest.fail(f"read {path}"))
    assert raw_files.digest(raw, memory=memory) == before


def test_raw_digest_does_not_depend_on_where_the_folder_lies(raw: Path) -> None:
    before = raw_files.digest(raw, memory={})
    assert raw_files.digest(raw.rename(raw.parent / "moved"), memory={}) == before


def pipe(raw: Path) -> None:
    os.mkfifo(raw / "CANARY.dcm")


def make_socket(raw: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(raw)  # a socket's path has 107 characters at most
        server.bind("CANARY.dcm")
        os.chdir(here)


def device(raw: Path) -> None:
    try:
        os.mknod(raw / "CANARY.dcm", stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
    except OSError:
        pytest.skip("no right to make a device file")


def link_out(raw: Path) -> None:
    (raw.parent / "secret.dcm").write_bytes(b"secret")
    (raw / "CANARY.dcm").symlink_to("../secret.dcm")


def link_beside(raw: Path) -> None:
    """A folder whose name begins like the raw folder's."""
    (raw.parent / "raw-other").mkdir()
    (raw.parent / "raw-other" / "secret.dcm").write_bytes(b"secret")
    (raw / "CANARY.dcm").symlink_to("../raw-other/secret.dcm")


def link_to_device(raw: Path) -> None:
    (raw / "CANARY.dcm").symlink_to("/dev/zero")


def dangling(raw: Path) -> None:
    (raw / "CANARY.dcm").symlink_to("nowhere")


def loop(raw: Path) -> None:
    (raw / "CANARY.dcm").symlink_to("CANARY2.dcm")
    (raw / "CANARY2.dcm").symlink_to("CANARY.dcm")


def folder_loop(raw: Path) -> None:
    (raw / "deeper" / "CANARY").symlink_to("..")


def folder_out(raw: Path) -> None:
    (raw / "CANARY").symlink_to("/etc")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pipe, "1 entries that are a pipe"),
        (make_socket, "1 entries that are a socket"),
        (device, "1 entries that are a device"),
        (link_out, "1 links out of the folder"),
        (link_beside, "1 links out of the folder"),
        (link_to_device, "1 links out of the folder"),
        (dangling, "1 links that lead nowhere"),
        (loop, "2 links that lead nowhere"),
        (folder_loop, "1 links to other than files"),
        (folder_out, "1 links out of the folder"),
    ],
)
def test_raw_folder_with_other_than_files_is_refused(change, message: str, raw: Path) -> None:
    change(raw)
    with pytest.raises(ValueError, match=message) as caught:
        raw_files.listed(raw)
    assert "CANARY" not in str(caught.value) and str(raw) not in str(caught.value)
    # at parse time, for all subjects: neither hangs nor raises, and differs from the sound folder
    assert raw_files.digest(raw, memory={}) == "unreadable"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (pipe, "a pipe, neither file nor folder"),
        (make_socket, "a socket, neither file nor folder"),
        (device, "a device, neither file nor folder"),
        (link_to_device, "a device, neither file nor folder"),
        (dangling, "cannot be opened"),
        (loop, "cannot be opened"),
    ],
)
def test_raw_path_that_is_no_file_is_refused(make, message: str, raw: Path) -> None:
    make(raw)
    path = raw / "CANARY.dcm"
    with pytest.raises(ValueError, match=message) as caught:
        raw_files.listed(path)
    assert "CANARY" not in str(caught.value)
    assert raw_files.digest(path, memory={}) == "unreadable"


def test_links_within_the_folder_and_a_linked_folder_are_read(raw: Path) -> None:
    (raw / "again.dcm").symlink_to("deeper/2.dcm")
    (raw.parent / "link").symlink_to("raw")
    names = [p.name for p in raw_files.listed(raw.parent / "link")]
    assert names == ["1.dcm", "again.dcm", "2.dcm"]
    (raw.parent / "one").symlink_to("raw/1.dcm")
    assert raw_files.listed(raw.parent / "one") == [raw.parent / "one"]


@pytest.mark.parametrize("name", [b"a\nb.dcm", b"\xff\xfe.dcm", b"-rf", b"$(x).dcm", b"\x1b[2J"])
def test_odd_file_names_do_no_harm(name: bytes, raw: Path) -> None:
    before = raw_files.digest(raw, memory={})
    Path(os.fsdecode(os.fsencode(raw) + b"/" + name)).write_bytes(b"x")
    memory: dict = {}
    assert len(raw_files.listed(raw)) == 3
    assert raw_files.digest(raw, memory=memory) not in (before, "unreadable")
    atomic.write_json(raw.parent / "memory.json", memory)
    assert json.loads((raw.parent / "memory.json").read_text()) == memory


def test_raw_folder_too_large_or_too_deep_is_refused(raw: Path, monkeypatch) -> None:
    monkeypatch.setattr(raw_files, "MAX_FILES", 2)
    assert len(raw_files.listed(raw)) == 2
    (raw / "3.dcm").write_bytes(b"")
    with pytest.raises(ValueError, match="more than 2 files"):
        raw_files.listed(raw)
    assert raw_files.digest(raw, memory={}) == "unreadable"
    monkeypatch.undo()
    (raw / "/".join("d" * 40)).mkdir(parents=True)
    with pytest.raises(ValueError, match="more than 32 deep"):
        raw_files.listed(raw)


def test_raw_data_of_a_terabyte_are_refused_without_being_read(raw: Path) -> None:
    with (raw / "3.dcm").open("wb") as file:
        file.truncate(2**40)  # a hole: takes no space
    with pytest.raises(ValueError, match="1024 GiB"):
        raw_files.listed(raw)
    assert raw_files.digest(raw / "3.dcm", memory={}) == "unreadable"


def test_what_cannot_be_opened_stops_its_own_subject_only(raw: Path, monkeypatch) -> None:
    def refuse(place: str):
        raise PermissionError(place)

    monkeypatch.setattr(digests, "bytes_digest", refuse)
    assert raw_files.digest(raw, memory={}) == "unreadable"
    monkeypatch.undo()
    listed = os.scandir
    monkeypatch.setattr(os, "scandir", lambda p: refuse(p) if "deeper" in p else listed(p))
    with pytest.raises(ValueError, match="1 folders that cannot be opened"):
        raw_files.listed(raw)
    assert raw_files.digest(raw, memory={}) == "unreadable"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "none"])
def test_raw_paths_that_cannot_exist(name: str, raw: Path) -> None:
    with pytest.raises(ValueError, match="cannot be opened"):
        raw_files.listed(raw / name)
    assert raw_files.digest(raw / name, memory={}) == "unreadable"


def test_header_of_an_image_pair_counts(tmp_path: Path) -> None:
    image, header = tmp_path / "a.img", tmp_path / "a.hdr"
    image.write_bytes(b"voxels")
    header.write_bytes(b"header")
    before = raw_files.digest(image, memory={})
    assert raw_files.listed(image) == [image, header]
    header.write_bytes(b"mirror")
    assert raw_files.digest(image, memory={}) != before

"""Bombs, lies about size, and names that are commands: refused before they cost anything."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydicom.uid import JPEG2000Lossless, RLELossless

import bombs
import forked
from dicom_phantoms import CANARIES, DOSE_SETTINGS, SMALL, dose, needs, plan, slice_of, write
from ricenet.cohort import tables
from ricenet.config import config
from ricenet.dicom import codestream
from ricenet.image import size_claims
from ricenet.ingest import ingest_dose, ingest_mri
from ricenet.study import preflight

ROOT = Path(__file__).parents[2]
# 2 s and 500 MB are asked for; a loaded machine is allowed more
MOST_S, MOST_MB = 5, 700


def refused(call: Callable[[], object], message: str = "") -> str:
    """Message of a call in a child that must be refused soon and with little memory."""
    outcome = forked.one(call)
    print(f"{outcome.seconds:.2f} s {outcome.extra_mb:.0f} MB {outcome.text[:90]}")
    assert outcome.kind == "refused", outcome
    assert outcome.seconds < MOST_S and outcome.extra_mb < MOST_MB, outcome
    assert message in outcome.text and len(outcome.text) > 20
    assert not any(c in outcome.text for c in (*CANARIES, "/tmp", "Traceback"))
    return outcome.text


def read(path: Path) -> Callable[[], object]:
    return partial(ingest_mri.read, path, min_slices=3)


# --- files that ask for much ----------------------------------------------------------------------


@pytest.mark.parametrize("name", bombs.LARGE)
def test_compressed_pixels_that_claim_another_size(name: str, tmp_path: Path) -> None:
    text = refused(read(bombs.series(tmp_path / "s", bombs.LARGE[name])))
    assert text.startswith("file 2 of 4 in name order: ")
    assert "decoded" not in text  # the decoder was never asked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (bombs.size(65535, 65535), "(65535, 65535, 1) (rows, columns, frames) is implausible"),
        (bombs.size(65535, 8000), "mixed matrix"),
        (bombs.frames("2147483647"), "is implausible"),
        (bombs.frames("-3"), "is implausible"),
        (bombs.frames("0"), "is implausible"),
        (bombs.frames("1e30"), "is implausible"),
        (bombs.frames("many"), "NumberOfFrames is not readable"),
        (bombs.frames("1\\2"), "NumberOfFrames has 2 values"),
    ],
)
def test_headers_that_claim_much(change, message: str, tmp_path: Path) -> None:
    assert message in refused(read(bombs.series(tmp_path / "s", change)))


def all_slices(change: Callable) -> list:
    planes = [slice_of(k) for k in range(4)]
    for plane in planes:
        change(plane)
    return planes


def test_all_slices_claim_much_with_little_data(tmp_path: Path) -> None:
    folder = write(tmp_path / "s", *all_slices(bombs.size(65535, 8000)))
    assert "4 planes of (65535, 8000) pixels are implausible" in refused(read(folder))
    folder = write(tmp_path / "t", *all_slices(bombs.size(8000, 8000)))
    assert "truncated, 126 of 128000000 bytes" in refused(read(folder))


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, RLELossless])
def test_no_decoder_is_asked_for_what_cannot_be(syntax, tmp_path: Path) -> None:
    """Header and codestream agree on 8000 x 8000: only the compression gives it away."""
    frame = bombs.jpeg2000(8000, 8000) if syntax == JPEG2000Lossless else bombs.rle(256)

    def change(plane) -> None:
        bombs.size(8000, 8000)(plane)
        bombs.encapsulated(syntax, frame)(plane)

    text = refused(read(write(tmp_path / "s", *all_slices(change))))
    assert "claim to be 128000000: implausible" in text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(bombs.deflated, marked=True), "deflated transfer syntax is not supported"),
        (partial(bombs.deflated, marked=False), "deflated transfer syntax is not supported"),
        (partial(bombs.nested, depth=5000, defined=False), "unreadable header (RecursionError)"),
        (partial(bombs.nested, depth=5000, defined=True), "file 1 of 1 in name order"),
        (partial(bombs.claims_length, group=0x7FE0, element=0x10, vr=b"OW"), "cannot be decoded"),
        (partial(bombs.claims_length, group=0x29, element=0x1010, vr=b"UN"), "unreadable header"),
        (partial(bombs.claims_length, group=0x5200, element=0x9230, vr=b"SQ"), "unreadable header"),
    ],
)
def test_dicom_bombs(make: Callable, message: str, tmp_path: Path) -> None:
    refused(read(make(tmp_path / "s")), message)
    row_dose = partial(ingest_dose.read, tmp_path / "s", {}, DOSE_SETTINGS)
    refused(row_dose)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((32767, 32767, 32767), "(32767, 32767, 32767) is implausible"),
        ((800, 800, 800), "2048000000"),
        ((-5, 20, 20), "not a readable NIfTI file"),
        ((0, 20, 20), ""),
    ],
)
def test_nifti_headers_that_claim_much(name: str, shape, message: str, tmp_path: Path) -> None:
    text = refused(read(bombs.nifti(tmp_path / name, shape)), message)
    if shape == (800, 800, 800):
        assert ("truncated, 352 of" if name == "a.nii" else "claim to be") in text


def test_gzip_bombs(tmp_path: Path) -> None:
    small = bombs.nifti(tmp_path / "small.nii.gz", (20, 20, 20), 2**31)
    assert small.stat().st_size < 3e6
    # little more than the header asks for is unpacked
    refused(read(small), "beyond the image that its header announces")
    large = bombs.nifti(tmp_path / "large.nii.gz", (800, 800, 800), 2**31)
    refused(read(large), "implausible")


# --- what a codestream says of itself -------------------------------------------------------------


def test_sizes_of_real_codestreams() -> None:
    """Against pydicom's header of the same files, for each compression in the shared data."""
    import pydicom
    from pydicom.encaps import generate_frames

    def first(name: str):
        path = sorted(needs(f"mr_compressed/{name}").glob("*.dcm"))[0]
        data = pydicom.dcmread(path)
        frame = next(generate_frames(data.PixelData, number_of_frames=1))
        return frame, (data.Rows, data.Columns, 1)

    frame, size = first("compressed")
    assert codestream.jpeg2000_size(frame) == size and codestream.jpeg_size(frame) is None
    frame, size = first("compressed_jpegls")
    assert codestream.jpeg_size(frame) == size and codestream.jpeg2000_size(frame) is None
    frame, size = first("compressed_rle")
    assert codestream.rle_problem(frame, size[0] * size[1], 2) == ""


def test_rle_length_is_that_of_pydicoms_decoder() -> None:
    from pydicom.pixels.decoders.rle import _rle_decode_segment

    rng = np.random.default_rng(3)
    for _ in range(300):
        segment = rng.bytes(int(rng.integers(2, 60)))
        assert codestream.rle_length(segment, 10**6) == len(_rle_decode_segment(segment))


@pytest.mark.parametrize("stored", [3, 5])
def test_number_of_compressed_frames_is_that_of_the_header(stored: int) -> None:
    data = dose(stored=SMALL.astype(np.uint16))
    frame = bombs.rle(SMALL[0].size + 128)
    bombs.encapsulated(RLELossless, *[frame] * 4)(data)
    codestream.require_believable(data, SMALL.shape, "file 1")
    bombs.encapsulated(RLELossless, *[frame] * stored)(data)
    with pytest.raises(ValueError, match=f"^file 1: {stored} compressed frames, but 4 announced"):
        codestream.require_believable(data, SMALL.shape, "file 1")


def test_jpeg_size_survives_any_bytes() -> None:
    rng = np.random.default_rng(4)
    whole = bombs.jpeg(300, 200, 0xC3)
    assert codestream.jpeg_size(whole) == (300, 200, 1)
    for _ in range(2000):
        raw = bytearray(whole)
        raw[int(rng.integers(len(raw)))] = int(rng.integers(256))
        codestream.jpeg_size(bytes(raw[: int(rng.integers(len(raw) + 1))]))
        codestream.jpeg2000_size(bytes(raw))


def test_ordinary_compression_is_believed() -> None:
    size_claims.require_compression(size_claims.SMALL, 1)
    size_claims.require_compression(10 * size_claims.SMALL, size_claims.SMALL // 10)
    with pytest.raises(ValueError, match="implausible"):
        size_claims.require_compression(size_claims.SMALL + 1, 1000)


# --- configuration --------------------------------------------------------------------------------

LEVELS = 9


def alias_bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, LEVELS)]
    return "\n".join(lines)


def map_bomb() -> str:
    lines = ["a0: &a0 {k: x}"]
    for i in range(1, LEVELS):
        lines.append(f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(10))}}}")
    return "\n".join(lines)


def merge_bomb() -> str:
    lines = ["m0: &m0 {k: v}"]
    lines += [f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 10)}]}}" for i in range(1, LEVELS)]
    return "\n".join(lines)


YAML = {
    "aliases": (alias_bomb(), "values, aliases counted in full"),
    "aliases in maps": (map_bomb(), "values, aliases counted in full"),
    "cycle": ("a: &a [*a]", "levels of nesting"),
    "wide cycle": ("a: &a [*a, *a, *a]", "more than"),
    "deep": (f"a: {'[' * 60}{']' * 60}", "levels of nesting"),
    "long list": ("a: [" + "x, " * 90_000 + "]", "values"),
    "long text": ("a: " + "x" * 300_000, "characters of text"),
    "long number": ("a: 0x" + "f" * 9000, "a whole number of 36000 bits"),
}


@pytest.mark.parametrize("name", YAML)
def test_hostile_configuration_is_refused_before_it_is_shown(name: str) -> None:
    text, message = YAML[name]
    values = yaml.load(text, Loader=yaml.CSafeLoader)
    values |= yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    assert message in refused(lambda: config.validate(values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (alias_bomb(), "more than 12 aliases"),
        (map_bomb(), "more than 12 aliases"),
        (merge_bomb(), "more than 12 aliases"),
        ("a: &a [*a]", "levels of nesting"),
        (f"a: {'[' * 9000}{']' * 9000}", "levels of nesting"),
        ("a: " + "x" * 300_000, "characters of text"),
        ("__use_yte__: true\na: ?__import__('os').getcwd()", "makes Snakemake run code"),
        ("a: [", "not YAML"),
        ("a: !!python/object/apply:os.getcwd []", "not plain YAML"),
    ],
)
def test_a_configuration_file_is_looked_at_without_being_built(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)

    assert message in refused(lambda: preflight.require_safe(path))


def test_the_shipped_configurations_pass() -> None:
    for path in (ROOT / "config").rglob("*.yaml"):
        preflight.require_safe(path)


def test_snakemake_refuses_an_alias_bomb_soon(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.yaml"
    bomb.write_text(alias_bomb())
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--configfile", str(bomb)],
        capture_output=True, text=True, timeout=30, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 1
    assert "values, aliases counted in full" in done.stdout + done.stderr


# --- names in tables ------------------------------------------------------------------------------

IDS = (
    "../../x", "a/b", "a;touch x", "$(touch x)", "`x`", "a b", "a'b", 'a"b', "-rf", "--help", ".x",
    "a\\b", "x" * 64, "x" * 300, "P\u0430tient", "P\uff10\uff11", "P\u200b1", "a\0b", "{x}", "a*",
    "a|b", "a>b", "~", "a&b", "a\x1b[0m", "%s",
)  # fmt: skip


@pytest.mark.parametrize("subject", IDS)
def test_ids_that_are_not_pseudonyms_are_refused(subject: str, tmp_path: Path) -> None:
    table = tmp_path / "subjects.tsv"
    table.write_text(f"subject\tlabel\tpostop\n{subject}\tRICE\tx\n", encoding="utf-8")
    with pytest.raises(ValueError, match="subject ids") as caught:
        tables.read_subjects(table, ["postop"])
    assert len(str(caught.value)) < 500 and "\x1b" not in str(caught.value)


def test_a_newline_cannot_be_part_of_an_id(tmp_path: Path) -> None:
    table = tmp_path / "subjects.tsv"
    table.write_text('subject\tlabel\tpostop\n"a\nb"\tRICE\tx\n')
    with pytest.raises(ValueError, match="subject ids"):
        tables.read_subjects(table, ["postop"])


FOLDER_NAMES = ("a b", "it's", '"q"', "$(touch PWNED)", "`touch PWNED`", ";touch PWNED", "-n", "*")


def test_names_of_raw_folders_are_data_for_the_shell(tmp_path: Path) -> None:
    """One subject a name, really run by Snakemake."""
    project = tmp_path / "project"
    for part in ("workflow", "src", "config", "envs"):
        shutil.copytree(ROOT / part, project / part)
    shutil.copy(ROOT / "Snakefile", project)
    rows = ["subject\tlabel\tpostop\tevent\tdose"]
    for number, name in enumerate(FOLDER_NAMES):
        paths = [f"../raw/{name}/{part}" for part in ("postop", "event", "rt")]
        rows.append("\t".join([f"P{number}", "RICE", *paths]))
        for path in paths:
            write(project / "config" / path, *[slice_of(k) for k in range(3)])
    (project / "config" / "subjects.tsv").write_text("\n".join(rows) + "\n")
    for cohort in (project / "config" / "cohorts").glob("*.tsv"):
        cohort.write_text("subject\tsplit\tfold\n")
    study = yaml.safe_load((project / "config" / "config.yaml").read_text())["study"]
    folder = f"results/{study}/subjects"
    targets = [f"{folder}/P{i}/postop_native.nii.gz" for i in range(len(FOLDER_NAMES))]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *targets, "--cores", "2"],
        cwd=project, capture_output=True, text=True, check=False, timeout=200,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert all((project / target).exists() for target in targets)
    assert not list(tmp_path.rglob("PWNED"))


def test_a_crash_in_a_decoder_does_not_reach_this_process() -> None:
    """The reason for confinement: a flipped byte can bring down the process that decodes."""
    import ctypes

    assert forked.one(lambda: ctypes.string_at(0)).kind == "died"


def test_dose_and_plan_stay_readable(tmp_path: Path) -> None:
    """None of the limits stands in the way of sound files."""
    packed = dose(stored=SMALL.astype(np.uint16))
    packed.compress(RLELossless)
    volume, _ = ingest_dose.read(write(tmp_path / "d", packed, plan()), {}, DOSE_SETTINGS)
    assert volume.data.max() == SMALL.max() * 0.5

"""T1, T1ce, T2 and FLAIR of a real glioma from the table to cache and picture, by the workflow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import whole_workflow
from dicom_phantoms import DATA, needs
from whole_workflow import checks_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(2700)]
ROOT = Path(__file__).parents[2]
FOLDER = "glioma_tcga_fg6692"
RAW = {"t1ce": "t1c", "t1": "t1", "t2": "t2", "flair": "flair"}  # channel to name of the file
GLIOMA, SWAPPED = "glioma", "swapped"  # the other has T1 and T1ce, T2 and FLAIR exchanged
SHAPE = (112, 112, 112)


def write_study(folder: Path) -> Path:
    """Tables and settings of a patient without label or cohort, and of the same one swapped."""
    paths = {name: str(DATA / FOLDER / f"tcia_example_{file}.nii.gz") for name, file in RAW.items()}
    copies = {name: str(shutil.copy(path, folder)) for name, path in paths.items()}
    swapped = {
        name: copies[other]
        for pair in (("t1ce", "t1"), ("t2", "flair"))
        for name, other in zip(pair, reversed(pair), strict=True)
    }
    rows = ["\t".join(["subject", "label", *RAW])]
    rows += ["\t".join([GLIOMA, "", *paths.values()]), "\t".join([SWAPPED, "", *swapped.values()])]
    (folder / "subjects.tsv").write_text("\n".join(rows) + "\n")
    (folder / "c1.tsv").write_text("subject\tsplit\tfold\n")
    (folder / "overrides.tsv").write_text("subject\tcheck\tdecision\twho\twhy\n")
    demo = yaml.safe_load((ROOT / "config/demo/config.yaml").read_text())
    values = yaml.safe_load((ROOT / "config/sequences/config.yaml").read_text()) | {
        "results": str(folder / "results"),
        "subjects": str(folder / "subjects.tsv"),
        "cohort": str(folder / "c1.tsv"),
        "overrides": str(folder / "overrides.tsv"),
        "resample": {"spacing_mm": 2.0},
        "crop": {"shape": list(SHAPE)},
        "register": demo["register"],
    }
    path = folder / "sequences.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    for file in RAW.values():
        needs(f"{FOLDER}/tcia_example_{file}.nii.gz")
    folder = tmp_path_factory.mktemp("sequences")
    config = write_study(folder)
    result = whole_workflow.run(config, "--keep-going", "--", "preprocess")
    assert "held back until a person decides" in result.stdout + result.stderr
    root = folder / "results" / "sequences"
    yield root
    whole_workflow.keep(root)


def test_four_sequences_reach_the_cache(study: Path) -> None:
    cache = np.load(study / "caches" / f"{GLIOMA}.npy", allow_pickle=False)
    assert cache.shape == (4, *SHAPE)
    for name in ("t1", "t2", "flair"):
        gates = checks_of(study, GLIOMA, f"{name}_to-t1ce")
        print(name, {gate: check["value"] for gate, check in gates.items()})
        assert set(gates) == {
            "brain-information", "information-nearby", "left-right", "brain-contrast",
            "registration-repeatability",
        } | ({"agent-brightens"} if name == "t1" else set())  # fmt: skip
        assert {check["verdict"] for check in gates.values()} == {"pass"}
    # one brain mask, that of the reference
    masks = sorted(path.name for path in (study / "subjects" / GLIOMA).glob("*_brain-mask.nii.gz"))
    assert masks == ["t1ce_brain-mask.nii.gz"]


def test_the_overview_shows_all_four(study: Path) -> None:
    picture = np.asarray(Image.open(study / "subjects" / GLIOMA / "overview.png").convert("L"))
    assert picture.shape[0] > 1000 and picture.std() > 20


def test_exchanged_sequences_are_held_back(study: Path) -> None:
    """No header tells them apart: they are converted files."""
    for name in ("t2", "flair"):
        assert checks_of(study, SWAPPED, f"{name}_to-t1ce")["brain-contrast"]["verdict"] == "fail"
    assert checks_of(study, SWAPPED, "t1_to-t1ce")["agent-brightens"]["verdict"] == "fail"
    assert not (study / "caches" / f"{SWAPPED}.npy").exists()

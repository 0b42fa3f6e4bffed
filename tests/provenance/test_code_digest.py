"""code_digest: on the real tree, which edits make which steps run again, and which none."""

from __future__ import annotations

import ast
import shutil
from functools import cache
from pathlib import Path

import pytest

from moved_modules import move
from ricenet.cohort import labels
from ricenet.provenance import code_digest, steps
from ricenet.provenance.steps import STEPS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ricenet"

# every step that reads or writes a volume, and all else that a Job is made of
ALL = set(STEPS)

NOTHING = {
    "a message in the lease": ("step/lease.py", "writes", "is writing"),
    "a message of an error": ("image/boxes.py", "the mask is empty", "there is no brain"),
    "a word in the log": ("train/train_model.py", "resumed after epoch", "goes on after epoch"),
    "advice of a check": ("preprocess/crop.py", "the brain does not fit", "the head does not fit"),
    "advice in a gate": (
        "preprocess/registration_gates.py",
        "both masks in the overview",
        "both masks in the picture",
    ),
    "a line of the log on a check": ("step/lines.py", "check failed", "check not passed"),
    "why a check was not made": (
        "preprocess/dose_gates.py",
        "does not reach the brain",
        "misses the brain",
    ),
    "a message that a function returns": (
        "train/loop.py",
        "look for other programs on it",
        "other programs may run on it",
    ),
    "advice in a constant": ("dose/ledger.py", "if all are right, accept", "or else accept"),
    "a kind of entry that is refused": (
        "provenance/raw_files.py",
        "links that lead nowhere",
        "links that do not lead anywhere",
    ),
    "the type of an argument": ("image/boxes.py", "mask: NDArray", "mask: Any"),
    "a docstring": ("preprocess/zscore.py", "Read image and mask", "Load image and mask"),
    "a comment": ("networks/resnet_stem.py", "# on a CPU it would pool", "# else it would pool"),
    "a published number": (
        "statistics/published.json",
        '"macro_f1": null',
        '"macro_f1": "0.7"',
    ),
    "the text of --explain": ("ingest/explain_dose.py", "(from the", "(as told by the"),
    "a description of a setting": ("config/preprocess.py", "voxels", "numbers of voxels"),
    "a bound of a setting": ("config/train.py", "lt=1", "lt=2"),
    "a label's name": ("cohort/labels.py", "recurrence", "relapse"),
    "how a record is written": (
        "provenance/record.py",
        "os.path.relpath(path, folder)",
        "str(path)",
    ),
    "a version in the records": ("provenance/software.py", '"pydicom"', '"pydicom", "pandas"'),
    "where verdicts are kept": ("networks/verdicts.py", '"ricenet"', '"ricenet-verdicts"'),
    "the order of imports": (
        "preprocess/zscore.py",
        "from ricenet import step\nfrom ricenet.image.intensity import zscore\n",
        "from ricenet.image.intensity import zscore\nfrom ricenet import step\n",
    ),
}

SOMETHING = {
    "the middle of z-scoring": (
        "image/intensity.py", "inside - inside.mean()", "inside",
        {"zscore", "cache", "dose_counterfactual"},
    ),
    "an interpolation weight": (
        "image/axiswise.py", "1e-3", "1e-2",
        {"align", "align_mask", "brain_mask", "ingest_dose", "occlusion_native", "register",
         "resample"},
    ),
    "what a name of another module stands for": (
        "image/interpolation.py",
        "WEIGHTS, gaussian_weights,", "WEIGHTS, linear_weights as gaussian_weights,",
        {"align", "align_mask", "brain_mask", "ingest_dose", "occlusion_native", "register",
         "resample"},
    ),
    "two limits exchanged where they are imported": (
        "explain/map_statistics.py",
        "import HIGHEST, LOWEST,", "import HIGHEST as LOWEST, LOWEST as HIGHEST,",
        {"occlusion_statistics", "occlusion_summary"},
    ),
    "a list of words": (
        "dicom/described_contrast.py", " perf perfusion", " perfusion",
        {"ingest_mask", "ingest_mri"},
    ),
    "a text that is compared": (
        "networks/device.py", "unable to find an engine", "unable to find any engine",
        {"brain_mask", "dose_counterfactual", "occlusion_cubes", "occlusion_map", "predict",
         "train_model"},
    ),
    "a loss": ("train/epoch.py", "F.cross_entropy", "F.mse_loss", {"train_model"}),
    "a seed's text": ("train/loop.py", '"order"', '"sequence"', {"train_model"}),
    "a constant of a followed module": (
        "train/trial.py", "STEP_TOLERANCE = 1e-4", "STEP_TOLERANCE = 1e-3", {"train_model"},
    ),
    "how a network is built": (
        "networks/resnet.py", 'shortcut_type="B"', 'shortcut_type="A"',
        {"train_model", "predict", "occlusion_map", "occlusion_cubes", "dose_counterfactual"},
    ),
    "how a network is asked": (
        "networks/inference.py", "torch.softmax", "torch.sigmoid",
        {"train_model", "predict", "occlusion_map", "occlusion_cubes", "dose_counterfactual"},
    ),
    "a limit of the gate": (
        "networks/layer_errors.py", "TRIES = 3", "TRIES = 1", {"train_model", "brain_mask"},
    ),
    "a verdict's tolerance": ("step/checks.py", "value >= at_least", "value > at_least", ALL),
    "how floats are stored": ("image/volume.py", '"<f4", copy=False', '"<f8", copy=False', ALL),
    "what a digest is of": ("provenance/digests.py", '"sha256"', '"sha512"', ALL),
}  # fmt: skip


def forget() -> None:
    for function in (
        code_digest.code_hash,
        code_digest._code,
        code_digest._stand_in,
        code_digest._reduced,
        files_of_the_tree,
    ):
        function.cache_clear()


TOP = '''"""Top."""

from ricenet import middle


def f(x):
    """Add one."""
    return middle.g(x) + 1  # one
'''
MIDDLE = '''import math

from ricenet.deep.leaf import CONSTANT


class Box:
    """A box."""


def g(x):
    return math.floor(x) * CONSTANT
'''
FILES = {
    "__init__.py": "",
    "top.py": TOP,
    "middle.py": MIDDLE,
    "deep/__init__.py": "",
    "deep/leaf.py": "CONSTANT = 3\n",
    "other.py": "def h():\n    return 1\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch):
    """A package in a folder; the returned function edits a file and gives the digest of ``top``."""
    monkeypatch.setattr(code_digest, "SOURCE", tmp_path)

    def edit(name: str = "", old: str = "", new: str = "") -> str:
        if name:
            text = (tmp_path / name).read_text()
            assert old in text
            (tmp_path / name).write_text(text.replace(old, new))
        forget()
        return code_digest.code_hash("ricenet.top")

    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    yield edit
    forget()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("top.py", "Add one.", "Add 1.\n\n    Longer.\n    "),
        ("top.py", "  # one", "  # a comment"),
        ("top.py", "middle.g(x) + 1", "(\n        middle.g( x )\n        + 1\n    )"),
        ("top.py", '    """Add one."""\n', ""),
        ("top.py", '"""Top."""', ""),
        ("middle.py", '    """A box."""', "    pass"),
        ("other.py", "return 1", "return 2"),
    ],
)
def test_code_hash_is_blind_to(package, name: str, old: str, new: str) -> None:
    before = package()
    assert package(name, old, new) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("top.py", "+ 1", "+ 2"),
        ("top.py", "def f(x)", "def f(x, y=0)"),
        ("middle.py", "floor", "ceil"),
        ("deep/leaf.py", "3", "4"),
        ("top.py", "from ricenet import middle", "from ricenet import middle, other"),
    ],
)
def test_code_hash_sees(package, name: str, old: str, new: str) -> None:
    before = package()
    after = package(name, old, new)
    assert after != before
    assert package(name, new, old) == before


# --- the real tree


READ = code_digest._reduced.__wrapped__


@cache
def read_once(module: str, own: str, files: frozenset[str]) -> tuple:
    """What is read from a module: the same as long as its text and the tree's files are."""
    return READ(module)


@cache
def files_of_the_tree() -> frozenset[str]:
    source = code_digest.SOURCE
    return frozenset(path.relative_to(source).as_posix() for path in source.rglob("*.py"))


def reduced(module: str) -> tuple:
    own = code_digest._source_file(module).read_text(encoding="utf-8")
    return read_once(module, own, files_of_the_tree())


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of the source, and the digests of all steps in it.

    A test edits one or two modules; all the others are parsed once for all tests.
    """
    shutil.copytree(SOURCE, tmp_path / "ricenet", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "SOURCE", tmp_path / "ricenet")
    monkeypatch.setattr(code_digest, "_reduced", cache(reduced))

    def digests(network: str = "resnet18") -> dict[str, str]:
        forget()
        return {name: steps.code_hash(name, network) for name in STEPS}

    yield tmp_path / "ricenet", digests
    forget()


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text, f"{name} has no {old!r} any more: choose another edit of this kind"
    (folder / name).write_text(text.replace(old, new))


def changed(digests, before: dict[str, str]) -> set[str]:
    after = digests()
    return {step for step in STEPS if after[step] != before[step]}


@pytest.mark.parametrize("what", NOTHING)
def test_what_runs_nothing_again(tree, what: str) -> None:
    folder, digests = tree
    before = digests()
    edit(folder, *NOTHING[what])
    assert changed(digests, before) == set()


@pytest.mark.parametrize("what", SOMETHING)
def test_what_runs_exactly_the_steps_that_use_it(tree, what: str) -> None:
    folder, digests = tree
    before = digests()
    *change, users = SOMETHING[what]
    edit(folder, *change)
    assert changed(digests, before) == users


def test_a_network_that_the_study_has_not_chosen_runs_nothing_again(tree) -> None:
    """Nor does one that is added: the steps that load networks load the chosen one."""
    folder, digests = tree
    users = {"train_model", "predict", "occlusion_map", "occlusion_cubes", "dose_counterfactual"}
    before = {network: digests(network) for network in steps.NETWORKS}
    edit(folder, "networks/densenet.py", "def build(", "GROWTH = 2\n\n\ndef build(")
    edit(folder, "provenance/steps.py", "NETWORKS = {", 'NETWORKS = {\n    "vgg": "ricenet.vgg",')
    assert digests("resnet18") == before["resnet18"]
    after = digests("densenet121")
    assert {step for step in STEPS if after[step] != before["densenet121"][step]} == users


def test_a_job_counts_every_network_before_it_knows_its_own(tree) -> None:
    folder, digests = tree
    edit(folder, "networks/densenet.py", "def build(", "GROWTH = 2\n\n\ndef build(")
    forget()
    edited = {name: steps.code_hash(name) for name in STEPS}
    edit(folder, "networks/densenet.py", "GROWTH = 2", "GROWTH = 3")
    forget()
    assert edited["predict"] != steps.code_hash("predict")
    assert edited["predict"] != digests("densenet121")["predict"]


def test_every_step_counts_its_own_code(tree) -> None:
    folder, digests = tree
    before = digests()
    for name, step in STEPS.items():
        path = folder.joinpath(*step.module.split(".")[1:]).with_suffix(".py")
        path.write_text(path.read_text() + "\n\nADDED = 1\n")
        forget()
        assert steps.code_hash(name, "resnet18") != before[name], name


@pytest.mark.parametrize(
    ("name", "target"),
    [("image.volume", "grids.volume"), ("image.intensity", "preprocess.intensity"),
     ("networks.memory_plan", "networks.memory"), ("cohort.dataset", "cohort.caches"),
     ("preprocess.zscore", "preprocess.standardise"), ("step.staging", "carrying.staging")],
)  # fmt: skip
def test_a_moved_module_runs_nothing_again(tree, monkeypatch, name: str, target: str) -> None:
    folder, digests = tree
    before = digests()
    move(folder, name, target)
    carriers = {target if c == name else c for c in code_digest.CARRIERS}
    monkeypatch.setattr(code_digest, "CARRIERS", frozenset(carriers))
    assert not (folder / f"{name.replace('.', '/')}.py").exists()
    moved = STEPS["zscore"]._replace(module=f"ricenet.{target}")
    if name == STEPS["zscore"].module.removeprefix("ricenet."):
        monkeypatch.setitem(STEPS, "zscore", moved)
    assert changed(digests, before) == set()


def test_a_renamed_name_of_a_module_runs_nothing_again(tree) -> None:
    folder, digests = tree
    before = digests()
    path = folder / "predict/predict.py"
    text = path.read_text()
    assert "dataset.read_manifest" in text
    path.write_text(
        text.replace("import dataset,", "import dataset as caches,").replace("dataset.", "caches.")
    )
    assert changed(digests, before) == set()


NUMERICAL = {"numpy", "scipy", "SimpleITK", "ants", "monai", "torch", "sklearn", "pandas"}
# It asks torch for the properties of a machine and keeps what the gate has found out
ASKS_TORCH = {"networks.verdicts": {"torch"}}


def test_carriers_import_nothing_numerical() -> None:
    """What is not counted must not compute: no array package, at its top or within a function."""
    for name in code_digest.CARRIERS:
        tree = ast.parse(code_digest._source_file(f"ricenet.{name}").read_text())
        imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
        named = {a.name for n in imports if isinstance(n, ast.Import) for a in n.names}
        named |= {n.module or "" for n in imports if isinstance(n, ast.ImportFrom)}
        found = {module.split(".")[0] for module in named} & NUMERICAL
        assert found == ASKS_TORCH.get(name, set()), name


def test_numbers_that_carriers_hold_are_these() -> None:
    """A carrier is not counted: the classes' numbers are those of every finished study."""
    assert labels.LABELS == {"recurrence": 0, "RICE": 1}
    assert labels.NAMES == {0: "recurrence", 1: "RICE"}


def test_packages_hold_no_code_of_their_own() -> None:
    """They are not followed; two gather names of their modules, and one the former commands."""
    for path in SOURCE.rglob("__init__.py"):
        own = [n for n in ast.parse(path.read_text()).body if not isinstance(n, ast.Expr)]
        if path.parent not in (SOURCE, SOURCE / "step"):
            assert own == [], path

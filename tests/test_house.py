"""The house: nothing is so long that a reader loses the thread, and texts name files that exist."""

import ast
import os
import re
from pathlib import Path

import pytest

import paths_in_code
from ricenet.channels import KINDS
from ricenet.provenance.steps import STEPS

SOURCE = Path(__file__).parents[1] / "src" / "ricenet"
MODULES = sorted(SOURCE.rglob("*.py"))
MODULE_LINES, FUNCTION_LINES = 250, 45


def lines_of(function: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_a_docstring_is_not_counted():
    (function,) = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    return 1\n').body
    assert isinstance(function, ast.FunctionDef) and lines_of(function) == 2


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_is_read_at_a_sitting(path):
    text = path.read_text()
    assert text.count("\n") <= MODULE_LINES
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    assert {f.name: n for f in functions if (n := lines_of(f)) > FUNCTION_LINES} == {}


UNTESTED = Path(__file__).with_name("modules_without_own_tests.txt")


def test_the_tests_of_a_module_stand_where_it_is_called_so():
    """``tests/<package>/test_<module>.py``; the list of older exceptions may only get shorter."""
    paths = {path.relative_to(SOURCE) for path in MODULES if not path.stem.startswith("__")}
    tests = Path(__file__).parent
    found = {
        path.as_posix()
        for path in paths
        if not (tests / path.parent / f"test_{path.name}").exists()
    }
    allowed = set(UNTESTED.read_text().split())
    assert sorted(found - allowed) == [], "give it a test file of its own"
    assert sorted(allowed - found) == [], f"take it out of {UNTESTED.name}"


def kinds_compared(tree: ast.AST) -> list[int]:
    """Lines on which something is compared with the name of a kind of channel."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            operands = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"count", "index"}:
            operands = list(node.args)
        else:
            continue
        several = (ast.Tuple, ast.List, ast.Set)
        parts = [p for o in operands for p in (o.elts if isinstance(o, several) else [o])]
        values = {part.value for part in parts if isinstance(part, ast.Constant)}
        found += [node.lineno] if values & set(KINDS) else []
    return found


def test_a_comparison_with_a_kind_is_seen():
    for text in ("k == 'mri'", "kinds[i] in ('mri', 'mask')", "'dose' != c.kind", "k.count('mri')"):
        assert kinds_compared(ast.parse(text)) == [1]
    assert kinds_compared(ast.parse("KINDS['mri'].fill == 'mri_fill'")) == []


def test_what_a_kind_of_channel_means_stands_in_one_table():
    """The audit has formulas of its own on purpose; ``dose`` is also a column of the table."""
    apart = {"audit/invariants.py", "audit/measure.py", "scan/propose.py"}
    found = {
        path.relative_to(SOURCE).as_posix(): lines
        for path in MODULES
        if (lines := kinds_compared(ast.parse(path.read_text())))
    }
    assert set(found) <= apart, found


def takes_a_job(tree: ast.AST) -> bool:
    """Whether a function of a module has an argument that is annotated as a step's Job."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    given = [a for f in functions for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs)]
    return any(a.annotation and ast.unparse(a.annotation).endswith("Job") for a in given)


def test_only_steps_know_of_jobs():
    """What a step calls gets values and returns checks: it is tested without a Job."""
    steps_ = {step.module for step in STEPS.values()}
    for path in MODULES:
        name = ".".join(("ricenet", *path.relative_to(SOURCE).with_suffix("").parts))
        if name not in steps_ and path.parent.name != "step":
            assert not takes_a_job(ast.parse(path.read_text())), name


PATHS = re.compile(
    r"(?<![\w/-])(?:tests|src|workflow|benchmarks|docs|envs)/[\w./-]+\.(?:py|sh|smk|md|yaml|tsv|lock)"
)
ROOT = SOURCE.parents[1]
TEXTS = [
    *(path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"),
    *ROOT.glob("docs/*.md"), *ROOT.glob("config/*.md"), ROOT / "Makefile",
    *ROOT.glob("benchmarks/*.sh"), ROOT / ".ci" / "run", *ROOT.glob("tests/**/*_study.py"),
]  # fmt: skip


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_a_text_names_are_there(path):
    named = set(PATHS.findall(path.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_slurms_script_lies_where_its_study_looks():
    """Nothing else runs it but ``make test-slurm``, which needs root."""
    folder = Path(__file__).parent / "workflow"
    names = re.findall(r'with_name\("(\w+\.sh)"\)', (folder / "slurm_study.py").read_text())
    assert names and all(os.access(folder / name, os.X_OK) for name in names)


def test_make_test_looks_for_what_needs_the_whole_machine_where_it_is():
    """It collects that folder alone, which spares reading all other tests a second time."""
    tests = Path(__file__).parent
    mark = f"mark.{'whole'}_machine"
    marked = {p.parent.name for p in tests.rglob("test_*.py") if mark in p.read_text()}
    assert marked == {"workflow"}
    assert "pytest tests/workflow -m" in (ROOT / "Makefile").read_text()


def test_files_that_are_begun_first_are_there():
    tests = Path(__file__).parent
    longest = ast.literal_eval(
        re.search(r"^LONGEST = (\(.*?^\))", (tests / "conftest.py").read_text(), re.M | re.S)[1]
    )
    assert [name for name in longest if not (tests / name).exists()] == []


# --- paths of a study

# the table of a study's files, and what reads a folder by it; patients' data lie elsewhere
LAYOUT = {"study/layout.py", "study/job_files.py", "study/study_folder.py", "study/ownership.py"}
OTHER_FILES = {"dicom", "dose", "former", "outlines", "phantom", "scan"}
ALLOWED = {
    # beside the model that a training was asked for; a row of the table, tests/study/test_layout.py
    "train/checkpoint.py": {"f'resume-{key}.safetensors'", "'resume-*.safetensors'",
                            "folder.glob('resume-*.safetensors')", "name.split('.')"},
    # what other cohorts hold, and what a later step has noted: no input of the step
    "evaluate/open_test_set.py": {"'analysis-plan.json'", "folder.parent.glob('*/manifest.tsv')",
                                  "job.record_path.with_name('analysis-plan.json')",
                                  "other.glob('*/test-predictions.tsv')"},
    "predict/arrival.py": {"'test-predictions.tsv'"},  # a word of a message
    "device_check/command.py": {"'device-check.json'"},  # where no study is
    # steps whose inputs have the names; flags for them would run finished studies again
    "cohort/manifest.py": {"path.stem", "path.with_suffix('.json')"},
    "cohort/dataset.py": {"path.stem", "path.with_suffix('.json')"},
    "networks/ensemble.py": {"path.parent.name", "manifest.with_suffix('.json')"},
    "preprocess/quality.py": {"path.stem"},
    "evaluate/probe_features.py": {"path.stem"},
    "explain/occlusion_picture.py": {"args.map.name.split('.')"},
    "explain/occlusion_summary.py": {"p.absolute().parent.name"},
    "explain/occlusion_statistics.py": {"p.absolute().parent.name"},
    # what a step writes beside its result, whatever that is
    "step/failure.py": {"log.with_suffix('.failed.json')", "result.with_suffix('').parts"},
    "step/job.py": {"self.record_path.with_name(f'.{os.getpid()}.{self.record_path.name}.tmp')"},
    "step/lease.py": {"record.with_name(f'.{record.name}.lease')"},
    "step/staging.py": {"path.with_name(f'.{os.getpid()}.{path.name}')"},
    "provenance/atomic.py": {"path.with_name(f'.{path.name}.{os.getpid()}.tmp')"},
    # a file of the cohort, not a result
    "study/freeze_cohort.py": {"path.stem", "old.stem"},
    "study/study.py": {"Path(self.config.cohort).stem"},
    # any path, not a kind of file
    "audit/chain.py": {"path.partition('/')"},
    "export/rocrate.py": {"url.rpartition('/')", "SOURCE.parents", "(PROJECT / folder).rglob('*')",
                          "record.name.removesuffix('.json')"},
    "study/board.py": {"str(note['place']).split('/')", "check['id'].partition('/')"},
    "study/before_a_run.py": {"check.partition('/')"},
    "study/leftovers.py": {"path.parents"},
    "evaluate/record_features.py": {"row['check'].partition('/')"},
    "provenance/raw_files.py": {"path.with_suffix('.hdr')"},
    "provenance/digests.py": {"Path(folder).rglob('*')"},
    # no path
    "config/introduced.py": {"key.split('.')"},
    "networks/checkpointing.py": {"self.parts"},
    "networks/memory_plan.py": {"self.stem", "asked.stem"},
    "networks/resnet_stem.py": {"self.stem"},
    "preprocess/hd_bet_networks.py": {"files(models).joinpath(f'{number}.model')"},
    "provenance/code_digest.py": {"base.with_suffix('.py')", "imports.parts", "self.parts",
                                  "module.split('.')"},
    "statistics/reported.py": {"self.printed.partition('.')"},
}  # fmt: skip


def source_of(text: str) -> set[str]:
    tree = ast.parse(text)
    found = {*paths_in_code.built(tree), *paths_in_code.cut(tree)}
    return {one for one in found if "__file__" not in one}  # what lies beside the source


@pytest.mark.parametrize(
    "line",
    [
        'root / "subjects" / subject', 'Path(root, "caches")', 'f"cohorts/{c}/{name}"',
        'root / "quality.tsv"', 'f"{channel}_native.json"', 'f"{root}/logs/{subject}/crop.log"',
        "path.stem", "path.parts[1]", "path.parents[2]", "path.parent.name",
        'name.split("/")[1]', 'name.removesuffix("_native")', 'root.glob("*/quality.tsv")',
    ],
)  # fmt: skip
def test_a_path_that_is_built_or_cut_is_seen(line):
    assert source_of(line)


@pytest.mark.parametrize(
    "line",
    ['job.fact("subjects", 3)', 'say("look at logs/P1 for it")', 'path.parent / "mine.tsv"',
     'text.split(",")', "chain.parents(study)", '"""The folder subjects/x."""'],
)  # fmt: skip
def test_what_is_no_path_of_a_study_is_not(line):
    assert source_of(line) == set()


def test_layout_alone_builds_and_cuts_paths_of_a_study():
    """Those that stand elsewhere are listed above with their reason, and none in vain."""
    found = {}
    for path in MODULES:
        name = path.relative_to(SOURCE).as_posix()
        if name not in LAYOUT and name.split("/")[0] not in OTHER_FILES:
            found[name] = source_of(path.read_text())
    others = {name: sorted(own - ALLOWED.get(name, set())) for name, own in found.items()}
    assert {name: own for name, own in others.items() if own} == {}
    gone = {name: own - found.get(name, set()) for name, own in ALLOWED.items()}
    assert {name: own for name, own in gone.items() if own} == {}


def test_rules_take_all_paths_from_the_layout():
    folders = re.compile(rf"""["'/](?:{paths_in_code.FOLDERS})/|STUDY\.root\b""")
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        lines = [li for li in path.read_text().splitlines() if not li.lstrip().startswith("#")]
        found = [li.strip() for li in lines if folders.search(li) and "templates" not in li]
        assert found == (
            ["silent_ends.watch(Path(STUDY.root, job_files.LOGS))"]
            if path.name == "common.smk"
            else []
        ), path

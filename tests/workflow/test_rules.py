"""What runs again after which event: the real Snakefile, really run by Snakemake.

Only the program ``python`` that the rules call is a stand-in here: it writes its output files and
nothing else, so that Snakemake has its own records of a finished study within seconds. The steps
themselves run for real in test_end_to_end.py.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from moved_modules import move
from plans import write_plan
from ricenet.study import layout, ownership
from snakemake_project import (
    ARRIVAL_JOBS,
    FOLDS,
    SUBJECT_JOBS,
    Project,
    edit,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("finished"))
    project.finish()
    return project.folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Project:
    """A fresh copy of the finished study; modification times and records kept."""
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    copy = Project.__new__(Project)
    copy.folder, copy.config = folder, folder / "config" / "small.yaml"
    return copy


def test_nothing_changed_runs_nothing(project: Project) -> None:
    assert project.jobs() == Counter()


def test_new_patient_runs_its_own_preprocessing_and_no_training(project: Project) -> None:
    project.write_subjects(["P001", "P002", "P003", "P004", "P005"])
    assert project.jobs("preprocess") == SUBJECT_JOBS
    assert project.jobs("train") == Counter()
    assert project.jobs() == SUBJECT_JOBS + Counter(audit=1, report=1)


def test_touching_sources_and_raw_data_runs_nothing(project: Project) -> None:
    for folder in ("src", "workflow", "config", "raw"):
        for path in (project.folder / folder).rglob("*"):
            path.touch()
    (project.folder / "Snakefile").touch()
    assert project.jobs() == Counter()


def test_docstring_comment_and_key_order_run_nothing(project: Project) -> None:
    source = project.folder / "src/ricenet/preprocess/zscore.py"
    edit(source, '"""Mean 0', '"""The mean is 0')
    edit(source, "from ricenet import step", "# a comment\nfrom ricenet import step")
    config = project.folder / "config/config.yaml"
    values = yaml.safe_load(config.read_text())
    turned = {k: dict(reversed(v.items())) if isinstance(v, dict) else v for k, v in values.items()}
    config.write_text(yaml.safe_dump(dict(reversed(turned.items())), sort_keys=False))
    assert project.jobs() == Counter()


def test_the_plan_says_what_runs_and_why(project: Project) -> None:
    """Counts are those of Snakemake; the reasons are those that the test has made."""
    assert project.plan() == {}
    edit(project.folder / "config/config.yaml", "learning_rate: 1.0e-4", "learning_rate: 2.0e-4")
    assert project.plan()["train_model"][2] == "14 other settings"
    edit(project.folder / "src/ricenet/preprocess/zscore.py", "at_most=1e-3", "at_most=2e-3")
    (project.folder / "raw/P002/event/0.dcm").write_bytes(b"another scan")
    table = project.folder / "config/small.tsv"
    names = ["P001", "P002", "P003", "P004", "P005"]
    project.write_subjects(names)
    text = table.read_text()
    table.write_text(text.replace("\tct\n", "\tct\tfractions\n", 1).replace(
        "P003/ct\n", "P003/ct\t30\n").replace("/ct\n", "/ct\t\n"))  # fmt: skip
    for path in project.folder.rglob("benchmarks/P00*/*_zscore.tsv"):
        path.write_text("s\th:m:s\n1800.0\t0:30:00\n")
    found, counted = project.plan(), project.jobs()
    assert {rule: n for rule, (n, _, _) in found.items()} == counted
    assert found["zscore"][0] == 10  # five subjects; of the new one and the changed one, too
    assert found["zscore"][1] == "5.00"
    assert "other code" in found["zscore"][2] and "2 not made yet" in found["zscore"][2]
    assert found["ingest_mri"][2] == "3 not made yet, 1 other raw data"
    assert found["ingest_dose"][2] == "1 a table's row, 1 not made yet"
    assert found["train_model"][2] == "14 follows from others"


def test_results_of_older_code_stay_while_a_person_declares_them_valid(project: Project) -> None:
    """Rows are those that the plan prints; a row that goes makes the step run again."""
    source = project.folder / "src/ricenet/preprocess/zscore.py"
    edit(source, "at_most=1e-3", "at_most=2e-3")
    shown = project.ricenet("plan", "--cores", "1").stdout
    (row,) = re.findall(r"^zscore\t[0-9a-f]{16}\t[0-9a-f]{16}\t<who>\t<why>$", shown, flags=re.M)
    table = project.folder / "config/accepted-code.tsv"
    empty = table.read_text()
    table.write_text(empty + row.replace("<who>", "AB").replace("<why>", "a wider limit") + "\n")
    assert project.jobs() == Counter()
    project.write_subjects(["P001", "P002", "P003", "P004", "P005"])
    assert project.ran("preprocess") == SUBJECT_JOBS
    table.write_text(empty)
    assert project.jobs()["zscore"] == 2 * 5
    table.write_text(empty + row.replace("<who>", "AB").replace("<why>", "a wider limit") + "\n")
    edit(source, "at_most=2e-3", "at_most=3e-3")  # was decided about other code
    assert project.jobs()["zscore"] == 2 * 5


def test_the_plan_of_what_cannot_run_is_snakemakes_message(project: Project) -> None:
    done = project.ricenet("plan", "no_such_target", "--cores", "1")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: Snakemake cannot plan this run:")
    assert "no_such_target" in done.stderr


def test_moved_modules_run_nothing(project: Project) -> None:
    """A step, what it imports, and what carries it: with new folders and new names."""
    source = project.folder / "src/ricenet"
    move(source, "preprocess.zscore", "intensities.standardise")
    move(source, "image.volume", "grids.volume")
    move(source, "train.epoch", "train.one_epoch")
    move(source, "explain.occlusion.maps", "explain.occlusion.sweep")
    assert project.jobs() == Counter()


def test_edited_step_reruns_that_step_and_what_depends_on_it(project: Project) -> None:
    edit(project.folder / "src/ricenet/preprocess/zscore.py", "at_most=1e-3", "at_most=2e-3")
    jobs = project.jobs("preprocess")
    assert jobs == Counter(zscore=8, crop=4, quality=4, cache=4, overview=4)


def test_edited_step_with_equal_results_trains_nothing(project: Project) -> None:
    edit(project.folder / "src/ricenet/preprocess/zscore.py", "at_most=1e-3", "at_most=2e-3")
    project.snakemake("--quiet=all", "preprocess", "manifest")
    assert project.jobs("train") == Counter()


def test_learning_rate_reruns_training_and_no_preprocessing(project: Project) -> None:
    edit(project.folder / "config/config.yaml", "learning_rate: 1.0e-4", "learning_rate: 2.0e-4")
    jobs = project.jobs()
    assert jobs["train_model"] == 7 * 2
    assert not set(jobs) & (set(SUBJECT_JOBS) | {"manifest"})


def test_replaced_series_reruns_its_chain_and_the_trainings(project: Project) -> None:
    path = project.folder / "raw/P002/event/0.dcm"
    old = path.stat()
    path.write_bytes(path.read_bytes()[::-1])  # same size, in place, older folder time
    assert path.stat().st_size == old.st_size
    jobs = project.jobs()
    assert jobs["ingest_mri"] == 1
    assert "ingest_dose" not in jobs
    assert jobs["brain_mask"] == 1
    assert jobs["cache"] == 1
    assert jobs["train_model"] == 7 * 2


def test_a_decision_reruns_the_gate_of_its_subject_and_what_follows(project: Project) -> None:
    project.decide("P002\tcrop/brain-voxels-lost\taccept\tAB\trim of the skull")
    assert project.jobs("preprocess") == Counter(quality=1, cache=1)


def test_excluded_subject_has_no_jobs_and_leaves_the_manifest(project: Project) -> None:
    project.write_subjects([*FOLDS, "P005"])
    project.decide("P005\tall\texclude\tAB\twithdrawn")
    assert project.jobs("preprocess") == Counter() and project.jobs("manifest") == Counter()
    assert project.jobs() == Counter(audit=1, report=1)  # both say that it was excluded


def test_a_subject_that_fails_stops_its_own_branch_and_is_on_the_board(project: Project) -> None:
    project.write_subjects([*FOLDS, "P005", "P006"])
    table = project.folder / "config" / "small.tsv"
    table.write_text(table.read_text().replace("raw/P005/event", "raw/P005/BROKEN"))
    (project.folder / "raw/P005/event").rename(project.folder / "raw/P005/BROKEN")
    shown = project.snakemake("--quiet=all", "--keep-going", status=1)
    root = project.folder / "results" / "small"
    assert (root / "caches/P006.npy").exists() and not (root / "caches/P005.npy").exists()
    assert "1 failed, 5 ready" in shown and "give the series" in shown
    lines = (root / "status.tsv").read_text().splitlines()
    assert lines[1].startswith("P005\tfailed\tingest_mri of y\ttwo slices\tgive the series")
    assert "two slices" in (root / "status.html").read_text()
    # it is outside the cohort, and the next report does not wait for it
    jobs = project.jobs()
    assert jobs["report"] == 1 and jobs["train_model"] == 0 and jobs["ingest_mri"] == 1


def test_deleted_digest_memory_runs_nothing(project: Project) -> None:
    (project.folder / ".snakemake/ricenet-raw-digests.json").unlink()
    assert project.jobs() == Counter()


def test_full_configuration_builds_for_the_papers_cohort(tmp_path: Path) -> None:
    project = Project(tmp_path)
    names = [f"P{k:03d}" for k in range(92)]
    project.write_subjects(names)
    rows = [f"{s}\t" + (f"train\t{k % 5}" if k < 80 else "test\t") for k, s in enumerate(names)]
    cohort = "\n".join(["subject\tsplit\tfold", *rows]) + "\n"
    (tmp_path / "config/cohorts/small.tsv").write_text(cohort)
    values = yaml.safe_load(project.config.read_text())
    del values["occlusion_map"]
    project.config.write_text(yaml.safe_dump(values))
    jobs = project.jobs()
    assert jobs["train_model"] == 35
    assert jobs["cache"] == 92
    assert jobs["occlusion_map"] == jobs["occlusion_native"] == jobs["occlusion_cubes"] == 7 * 12
    assert jobs["occlusion_summary"] == jobs["occlusion_statistics"] == 7
    assert jobs["dose_counterfactual"] == 4 and not jobs["occlusion_control"]
    assert sum(jobs.values()) == (
        92 * (sum(SUBJECT_JOBS.values()) + 1)  # probe_features, of the cohort's
        + 1
        + 35
        + 7
        + 1
        + 4 * 7 * 12  # maps, in native voxels, pictures, cubes
        + 7
        + 7
        + 4
        + 2
        + 6  # open_test_set, note_plan, calibrate, probes, describe_cohort, near_duplicates
    )


def test_two_channels_without_dose_build(tmp_path: Path) -> None:
    project = Project(tmp_path)
    values = yaml.safe_load(project.config.read_text())
    values["channels"] = [{"name": "postop", "kind": "mri"}, {"name": "event", "kind": "mri"}]
    values["occlusion_map"] = {"ablations": ["postop-event"]}
    project.config.write_text(yaml.safe_dump(values))
    jobs = project.jobs()
    assert not {"ingest_dose", "total_dose"} & set(jobs)
    assert jobs["ingest_mri"] == 8  # no planning CT without a dose
    assert jobs["train_model"] == 3 * 2


def test_masks_add_their_own_jobs_and_change_no_other(project: Project) -> None:
    """Two of four subjects have an outline: of the others nothing runs, and nobody trains."""
    values = yaml.safe_load(project.config.read_text())
    default = yaml.safe_load((project.folder / "config/config.yaml").read_text())["channels"]
    values["channels"] = [*default, {"name": "gtv", "kind": "mask", "of": "ct"}]
    project.config.write_text(yaml.safe_dump(values))
    assert project.jobs() == Counter()
    table = project.folder / "config/small.tsv"
    header, *rows = table.read_text().splitlines()
    for k, subject in enumerate(("P001", "P003")):
        (project.folder / f"raw/{subject}/rtss").mkdir()
        (project.folder / f"raw/{subject}/rtss/1.dcm").write_bytes(subject.encode())
        rows[2 * k] += f"\t../raw/{subject}/rtss\t{'event' if k else ''}"
    table.write_text("\n".join([f"{header}\tgtv\tgtv_on", *rows]) + "\n")
    own = Counter(ingest_mask=2, align_mask=2, quality=2, overview=2)
    assert project.jobs("preprocess") == own + Counter(cache=2)
    assert project.ran("preprocess", "manifest") == own + Counter(cache=2, manifest=1)
    assert project.jobs("train") == Counter() and project.jobs("preprocess") == Counter()


TEST_JOBS = {
    "predict_test", "occlusion_map", "occlusion_cubes", "dose_counterfactual", "occlusion_summary",
    "occlusion_statistics",
}  # fmt: skip


def with_a_test_patient(project: Project, **settings: object) -> None:
    """Give the study a fifth patient, whom its cohort tests on, and settings."""
    project.write_subjects([*FOLDS, "P005"])
    rows = [*(f"{s}\ttrain\t{f}" for s, f in FOLDS.items()), "P005\ttest\t"]
    text = "\n".join(["subject\tsplit\tfold", *rows]) + "\n"
    (project.folder / "config/cohorts/small.tsv").write_text(text)
    values = yaml.safe_load(project.config.read_text())
    project.config.write_text(yaml.safe_dump(values | settings))


def test_without_a_plan_nobody_looks_at_test_patients(project: Project) -> None:
    """Not by a target, not by a file's name; the plan opens the set, and trains nothing."""
    with_a_test_patient(project, analysis_plan=None)
    shown = project.snakemake("--quiet", "rules")
    root = project.folder / "results/small/cohorts/small"
    assert "stay locked" in shown and "ricenet new-plan" in shown
    assert (root / "evaluation/metrics.tsv").exists() and (root / "report/index.html").exists()
    assert not list(root.glob("*/test-predictions.tsv")) and not list(root.glob("*/occlusion"))
    assert project.jobs() == Counter()
    for file in ("dose/test-predictions.tsv", "postop-event-dose/occlusion/P005.nii.gz"):
        asked = f"results/small/cohorts/small/{file}"
        assert "the test set is locked" in project.snakemake("--dry-run", asked, status=1)
    with_a_test_patient(project, analysis_plan="config/small-plan.yaml")
    for path in (*root.glob("test-openings.*"), root / "analysis-plan.json"):
        path.unlink()  # those of the fixture's cohort, which had no test patients
    assert "results of the validation" in project.snakemake("--dry-run", status=1)
    write_plan(
        project.folder / "config/small-plan.yaml", ["postop-event"], seen_before="validation"
    )
    jobs = project.ran()
    assert jobs["open_test_set"] == 1 and jobs["predict_test"] == 7 and jobs["occlusion_map"] == 1
    assert jobs["train_model"] == 0 and project.jobs() == Counter()
    # another plan evaluates anew, and predicts nobody again
    write_plan(project.folder / "config/small-plan.yaml", ["event"], seen_before="validation")
    assert project.ran() == Counter(note_plan=1, evaluate=1, probes=1, audit=1, report=1)


@pytest.mark.long
def test_predictions_without_a_plan_of_an_earlier_version_stay_as_they_are(
    project: Project,
) -> None:
    """Read, not made again, not removed; a plan after the fact changes none of them."""
    plan = project.folder / "config/small-plan.yaml"
    write_plan(plan, ["postop-event"], seen_before="test")  # no job waits for the ledger, as before
    with_a_test_patient(project, occlusion_map={"ablations": ["dose"]})
    project.ran()
    root = project.folder / "results/small/cohorts/small"
    for path in (*root.glob("test-openings.*"), root / "analysis-plan.json"):
        path.unlink()
    header = "ablation\tfold\tsubject\tlabel\tprobability_rice"
    for path in root.glob("*/test-predictions.tsv"):
        lines, made = [f"{path.parent.name}\t{k}\tP005\t0\t0.5" for k in range(2)], path.stat()
        path.write_text("\n".join([header, *lines, ""]))
        os.utime(path, ns=(made.st_atime_ns, made.st_mtime_ns))
    tested = {p: f for p, f in digests(root).items() if "test-pred" in p or "occlusion" in p}
    assert len(tested) > 14
    write_plan(plan, ["postop-event"])
    assert "seen_before is 'nothing'" in project.snakemake("--dry-run", status=1)
    with_a_test_patient(project, analysis_plan=None)
    shown = project.snakemake("--quiet", "rules")
    assert "shown as they are, after the fact, and are not made again" in shown
    assert {p: digests(root)[p] for p in tested} == tested
    assert project.jobs() == Counter()
    with_a_test_patient(project, analysis_plan="config/small-plan.yaml")
    write_plan(plan, ["dose"], seen_before="test")
    jobs = project.ran()
    assert jobs["open_test_set"] == 1 and not set(jobs) & {*TEST_JOBS, "train_model"}
    assert {p: digests(root)[p] for p in tested} == tested


def digests(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and date of each file below a folder, by its path."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def test_arriving_patients_are_asked_about_and_nobody_trains(project: Project) -> None:
    project.write_subjects([*FOLDS, "P005"], unlabelled=["P005"])
    cohort = project.folder / "results/small/cohorts/small"
    models = {p: f for p, f in digests(cohort).items() if "fold-" in p}
    # settings that would train again, and a new row, leave the models as they are
    edit(project.folder / "config/config.yaml", "learning_rate: 1.0e-4", "learning_rate: 2.0e-4")
    asked = ARRIVAL_JOBS + Counter(predictions=1)
    assert project.ran("predict") == SUBJECT_JOBS + asked
    assert project.jobs("predict") == Counter()
    after = digests(cohort)
    assert {p: after[p] for p in models} == models
    # the next one is asked about alone
    project.write_subjects([*FOLDS, "P005", "P006"], unlabelled=["P005", "P006"])
    assert project.ran("predict") == SUBJECT_JOBS + asked


def test_every_file_belongs_to_the_subject_that_its_rule_names(project: Project) -> None:
    """Held against the rules: outputs, logs and benchmarks of jobs with this wildcard."""
    names = [*FOLDS, "P005", "P006"]
    project.write_subjects(names, unlabelled=["P006"])
    rows = [*(f"{s}\ttrain\t{f}" for s, f in FOLDS.items()), "P005\ttest\t"]
    text = "\n".join(["subject\tsplit\tfold", *rows]) + "\n"
    (project.folder / "config/cohorts/small.tsv").write_text(text)
    shown = project.snakemake("--dry-run", "--forceall", "--nocolor", "all", "predict")
    blocks = re.split(r"^(?=(?:local)?rule \w+:$)", shown, flags=re.M)[1:]
    seen: Counter[str] = Counter()
    for block in blocks:
        lines = dict(re.findall(r"^    (\w+): (.*)$", block, flags=re.M))
        subject = re.search(r"subject=([\w-]+)", lines.get("wildcards", ""))
        for kind in ("output", "log", "benchmark"):
            for file in filter(None, lines.get(kind, "").split(", ")):
                path = Path(file).relative_to("results/small")
                assert layout.parse(path.as_posix()), file
                found = ownership.owner(path, {"small"})
                assert found == (subject[1] if subject else ""), file
                seen[found] += 1
    assert set(seen) == {"", *names} and min(seen.values()) > 20


def test_a_further_explanation_method_is_a_row(project: Project) -> None:
    """Two are planted in the copy: their maps are drawn, the audit waits, nothing else runs."""
    source, further = project.folder / "src/ricenet", {"odd_map": ["dose"], "even_map": ["event"]}
    settings = yaml.safe_load((project.folder / "config/config.yaml").read_text())["occlusion_map"]
    for name, asked in further.items():
        for path, row in {
            "study/explain_methods.py": '    OCCLUSION: Method("occlusion"),\n',
            "provenance/steps.py": '    "occlusion_map": Step("ricenet.explain.occlusion_map"),\n',
            "config/config.py": "    occlusion_map: OcclusionMap\n",
        }.items():
            its_own = row.replace("OCCLUSION", f'"{name}"').replace('"occlusion"', f'"{name[:-4]}"')
            edit(source / path, row, row + its_own.replace("occlusion_map", name))
        (source / f"explain/{name}.py").write_text("")
        settings |= {"ablations": []}
        further[name] = settings | {"ablations": asked}
    with_a_test_patient(project, **further, occlusion_map=settings)
    jobs = project.ran("explain")
    assert jobs["odd_map"] == jobs["even_map"] == 1 and not jobs["occlusion_map"]
    found = (project.folder / "results/small/cohorts/small").glob("*/*/P005*")
    assert {path.parts[-3:] for path in found} == {
        ("dose", "odd", "P005.nii.gz"), ("dose", "odd", "P005.json"),
        ("event", "even", "P005.nii.gz"), ("event", "even", "P005.json"),
    }  # fmt: skip
    shown = project.snakemake("--dry-run", "--forceall", "--printshellcmds", "audit")
    for name in further:
        assert f"python -m ricenet {name} --manifest" in shown
        assert f"P005_{name}.log" in shown


def test_another_cohort_leaves_the_models_of_the_first_as_they_are(project: Project) -> None:
    names = [*FOLDS, "P005", "P006"]
    project.write_subjects(names)
    rows = [*(f"{s}\ttrain\t{f}" for s, f in FOLDS.items()), "P005\ttest\t", "P006\ttest\t"]
    for cohort, members in (("small", rows[:5]), ("second", rows)):
        text = "\n".join(["subject\tsplit\tfold", *members]) + "\n"
        (project.folder / f"config/cohorts/{cohort}.tsv").write_text(text)
    project.ran()  # the first cohort, now with a test subject
    first = project.folder / "results/small/cohorts/small"
    before = digests(first)
    values = yaml.safe_load(project.config.read_text())
    values |= {"cohort": "config/cohorts/second.tsv", "compare": {"cohorts": ["small"]}}
    project.config.write_text(yaml.safe_dump(values))
    assert project.ran() == Counter(
        manifest=1, train_model=14, open_test_set=1, note_plan=1, predict_test=7, evaluate=1,
        calibrate=1, compare=1,
        probe_features=1, probes=1, describe_cohort=1, near_duplicates=1, occlusion_map=2,
        occlusion_native=2, occlusion_picture=2, occlusion_cubes=2, occlusion_summary=1,
        occlusion_statistics=1, dose_counterfactual=1, audit=1, report=1,
    )  # fmt: skip
    assert digests(first) == before and len(before) > 14 * 4
    assert project.jobs() == Counter()


def test_controls_of_maps_are_added_and_nothing_is_made_again(project: Project) -> None:
    """Each control has its own cubes of each test patient, and one table reads them."""
    with_a_test_patient(project)
    project.ran()
    values = yaml.safe_load(project.config.read_text()) | {"controls": {"untrained": 2}}
    project.config.write_text(yaml.safe_dump(values))
    tables = Counter(occlusion_statistics=1, audit=1, report=1)
    assert project.ran() == Counter(occlusion_control=2) + tables
    folder = project.folder / "results/small/cohorts/small/controls/untrained-0002"
    assert (folder / "postop-event-dose/occlusion/control-P005_cubes.safetensors").exists()
    assert project.jobs() == Counter()


def test_a_changed_label_remakes_no_image(project: Project) -> None:
    """What no step before the manifest is told, no step can write into a cache."""
    table = project.folder / "config/small.tsv"
    text = table.read_text()
    for old, new in (("P002\trecurrence", "P002\tRICE"), ("P004\tRICE", "P004\trecurrence")):
        text = text.replace(old, new)
    table.write_text(text)
    jobs = project.jobs()
    assert jobs["manifest"] == 1 and jobs["train_model"] == 14
    assert not set(jobs) & {*SUBJECT_JOBS, "probe_features"}


def test_a_column_about_labels_runs_nothing_but_the_tables_of_them(project: Project) -> None:
    table = project.folder / "config/small.tsv"
    header, *rows = table.read_text().splitlines()
    empty = [f"{header}\tlabel_source\thistology", *(f"{row}\t\t" for row in rows)]
    table.write_text("\n".join(empty) + "\n")
    assert project.jobs() == Counter()
    told = [*empty[:1], f"{rows[0]}\tbiopsy\tmixed", *empty[2:]]
    table.write_text("\n".join(told) + "\n")
    assert project.jobs() == Counter(describe_cohort=1, audit=1, report=1)


@pytest.mark.long
def test_controls_are_made_once_a_person_agrees_and_leave_the_study_as_it_is(
    project: Project,
) -> None:
    asked = {"permutations": 1, "seeds": 1, "learning_percent": [50], "ablations": ["dose"]}
    values = yaml.safe_load(project.config.read_text())
    project.config.write_text(yaml.safe_dump(values | {"controls": asked}))
    timed = list(project.folder.rglob("benchmarks/small/dose_fold-*_train_model.tsv"))
    for path in timed:
        path.unlink()
    shown = project.snakemake("--dry-run", "--quiet", "rules")
    assert "are 6 trainings, 6 of them not made yet; how long is unknown" in shown
    assert "None is made before controls.accepted_trainings is at least 6" in shown
    assert project.jobs() == Counter()
    assert "accepted_trainings" in project.snakemake("--dry-run", "controls", status=1)
    for path in timed:
        path.write_text("s\th:m:s\n1800.0\t0:30:00\n")
    asked["accepted_trainings"] = 6
    project.config.write_text(yaml.safe_dump(values | {"controls": asked}))
    shown = project.snakemake("--dry-run", "--quiet", "rules")
    assert (
        "6 of them not made yet; about 3.0 hours, one after the other, by 2 earlier ones" in shown
    )
    root = project.folder / "results/small/cohorts/small"
    before = digests(root)
    own = Counter(control_manifest=6, train_control=6, control_metrics=1)
    assert project.ran() == own + Counter(audit=1, report=1)
    after = digests(root)
    made = set(after) - set(before)
    assert all("control-" in Path(p).name and p.startswith("controls/") for p in made)
    assert len(made) == 6 * 2 + 6 * 4 + 3
    # the stand-in of report writes what follows its --summary
    names = ("index.html", "report.json", "reporting-sheets.tsv", "methods.md", "model-card.md")
    report = {"evaluation/metrics.json", *(f"report/{name}" for name in names)}
    assert {p for p in before if after[p] != before[p]} <= report
    assert project.jobs() == Counter() and "controls:" not in project.snakemake("--dry-run")
    project.write_subjects([*FOLDS, "P005"])
    assert project.jobs() == SUBJECT_JOBS + Counter(audit=1, report=1)

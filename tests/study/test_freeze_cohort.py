"""freeze_cohort: append-only, stratified, blind to the order of the tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ricenet.cohort import overrides, tables
from ricenet.study import freeze_cohort
from ricenet.study.freeze_cohort import Choice, extended

LABELS = list(tables.LABELS)


def empty() -> pd.DataFrame:
    return pd.DataFrame(columns=["subject", "split", "fold", "label"])


def rows(cohort: pd.DataFrame) -> list[list]:
    return cohort.to_numpy().tolist()


def counts(cohort: pd.DataFrame, label: int, folds: int) -> list[int]:
    train = cohort[(cohort["split"] == "train") & (cohort["label"] == label)]
    return [int((train["fold"] == k).sum()) for k in range(folds)]


@st.composite
def growing(draw):
    """Three generations of subjects with labels, folds and a test share."""
    folds = draw(st.integers(2, 6))
    sizes = [draw(st.integers(2 * folds, 40)), draw(st.integers(0, 15)), draw(st.integers(0, 15))]
    ids = [f"S{k:03d}" for k in range(sum(sizes))]
    labels = {s: draw(st.integers(0, 1)) for s in ids}
    share = draw(st.sampled_from([0.0, 0.1, 0.13, 0.25]))
    parts, start = [], 0
    for size in sizes:
        parts.append({s: labels[s] for s in ids[start : start + size]})
        start += size
    return folds, share, parts


@settings(max_examples=60, deadline=None, derandomize=True)
@given(growing(), st.randoms(use_true_random=False))
def test_growth_keeps_everyone_in_place_balanced_and_repeatable(growth, random) -> None:
    folds, share, parts = growth
    cohort = empty()
    for generation, new in enumerate(parts):
        choice = Choice(f"c{generation}", folds, share)
        before = cohort
        cohort = extended(before, new, choice)
        # nobody changes fold or split, nobody is lost, nobody twice
        assert rows(cohort)[: len(before)] == rows(before)
        assert set(cohort.index) == set(before.index) | set(new) and cohort.index.is_unique
        for label in (0, 1):
            spread = counts(cohort, label, folds)
            assert max(spread) - min(spread) <= 1
            mine = cohort[cohort["label"] == label]
            test = int((mine["split"] == "test").sum())
            assert abs(test - share * len(mine)) <= 0.5 or test == int(
                (before[before["label"] == label]["split"] == "test").sum()
            )
        assert (cohort.loc[cohort["split"] == "test", "fold"] == -1).all()
        # the order of the rows of the table plays no part
        names = list(new)
        random.shuffle(names)
        assert rows(extended(before, {s: new[s] for s in names}, choice)) == rows(cohort)


def test_name_of_the_cohort_is_the_seed() -> None:
    new = {f"S{k:02d}": k % 2 for k in range(40)}
    a, again, b = (extended(empty(), new, Choice(n, 5, 0.2)) for n in ("a", "a", "b"))
    assert a.equals(again) and not a.equals(b)
    # pinned: another order would be another cohort under the same name
    assert list(a.index[a["split"] == "test"]) == PINNED


PINNED = ["S06", "S19", "S21", "S22", "S23", "S25", "S32", "S38"]


def test_without_a_share_new_subjects_train() -> None:
    old = extended(empty(), {f"S{k:02d}": k % 2 for k in range(20)}, Choice("a", 5, 0.2))
    new = extended(old, {"T1": 0, "T2": 1}, Choice("b", 5, 0.0))
    assert list(new.loc[["T1", "T2"], "split"]) == ["train", "train"]
    named = extended(old, {"T1": 0, "T2": 1}, Choice("b", 5, 0.5, train=["T1"], test=["T2"]))
    assert list(named.loc[["T1", "T2"], "split"]) == ["train", "test"]


# --- program -------------------------------------------------------------------------------------


class Place:
    """Tables of a study in a working folder."""

    def __init__(self, folder: Path, monkeypatch) -> None:
        self.folder = folder
        monkeypatch.chdir(folder)
        (folder / "config" / "cohorts").mkdir(parents=True)
        shipped = Path(__file__).parents[2] / "config"
        (folder / "config/config.yaml").write_text((shipped / "config.yaml").read_text())
        self.decide()
        self.subjects({f"P{k:02d}": LABELS[k % 2] for k in range(20)})

    def subjects(self, labels: dict[str, str]) -> None:
        self.labels = labels
        rows = [f"{s}\t{label}\ta\tb\tc" for s, label in labels.items()]
        header = "subject\tlabel\tpostop\tevent\tdose"
        (self.folder / "config/subjects.tsv").write_text("\n".join([header, *rows]) + "\n")

    def decide(self, *rows: str) -> None:
        text = "\n".join(["\t".join(overrides.COLUMNS), *rows]) + "\n"
        (self.folder / "config/overrides.tsv").write_text(text)

    def freeze(self, *arguments: str) -> pd.DataFrame:
        freeze_cohort.main(list(arguments))
        return self.read(arguments[0])

    def read(self, name: str) -> pd.DataFrame:
        path = self.folder / "config/cohorts" / f"{name}.tsv"
        return pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_first_cohort_and_its_extension(place: Place, capsys) -> None:
    first = place.freeze("c1", "--test-share", "0.2", "--folds", "4")
    assert list(first.columns) == ["subject", "split", "fold"] and len(first) == 20
    assert (first["split"] == "test").sum() == 4
    place.subjects(place.labels | {"N1": "RICE", "N2": "recurrence", "N3": ""})
    second = place.freeze("c2", "--extends", "c1")
    assert second[:20].equals(first) and list(second["subject"][20:]) == ["N1", "N2"]
    assert list(second["split"][20:]) == ["train", "train"]
    said = capsys.readouterr().out
    assert "20 subjects kept, 2 added, 4 folds" in said and "not added: N3" in said
    # the workflow reads it
    subjects = tables.read_subjects("config/subjects.tsv", ("postop", "event", "dose"))
    assert len(tables.read_cohort("config/cohorts/c2.tsv", subjects)) == 22


def test_placeholder_without_rows_is_filled(place: Place) -> None:
    path = place.folder / "config/cohorts/c1.tsv"
    path.write_text("subject\tsplit\tfold\n")
    assert len(place.freeze("c1", "--test-share", "0")) == 20


def test_another_folder_of_the_study(place: Place) -> None:
    own = {"cohort": "config/mine/a.tsv", "study": "mine"}
    (place.folder / "mine.yaml").write_text(yaml.safe_dump(own))
    (place.folder / "config/mine").mkdir()
    freeze_cohort.main(["a", "--test-share", "0", "--configfile", "mine.yaml"])
    assert (place.folder / "config/mine/a.tsv").is_file()


EXTEND = "c2 --extends c1"
REFUSED = {
    "an existing cohort": ("c1 --test-share 0.2", {}, "c1.tsv: this cohort is frozen"),
    "results of that name": ("c7 --test-share 0", {}, "holds results of a cohort"),
    "old test to training": (f"{EXTEND} --train TEST", {}, "TEST is a test subject"),
    "old training to test": (f"{EXTEND} --test TRAIN", {}, "TRAIN is a train subject"),
    "without a label": (f"{EXTEND} --train N1", {"N1": ""}, "N1 has no label"),
    "unknown": (f"{EXTEND} --test N9", {}, "N9 is not in the subjects table"),
    "named twice": (f"{EXTEND} --test N1 --train N1", {"N1": "RICE"}, r"\['N1'\] are named"),
    "other folds": (f"{EXTEND} --folds 3", {}, "has 5 folds, not 3"),
    "too few": ("c9 --test-share 0 --folds 11", {}, "10 training subjects .* for 11 folds"),
    "withdrawn": (EXTEND, {"TRAIN": None}, r"\['TRAIN'\] are not in the .* withdraw"),
    "no share": ("c9", {}, "needs --test-share"),
    "a share of 1": ("c9 --test-share 1", {}, "from 0 to below 1"),
    "no old one": ("c2 --extends c0", {}, "no such table"),
    "a path as name": ("../c2 --extends c1", {}, "a cohort's name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(place: Place, name: str) -> None:
    arguments, changes, message = REFUSED[name]
    first = place.freeze("c1", "--test-share", "0.2").set_index("subject")["split"]
    names = {"TEST": first.index[first == "test"][0], "TRAIN": first.index[first == "train"][0]}
    (place.folder / "results/rice-net/cohorts/c7").mkdir(parents=True)
    (place.folder / "results/rice-net/cohorts/c7/manifest.tsv").write_text("")
    labels = place.labels | {names.get(s, s): label for s, label in changes.items()}
    place.subjects({s: label for s, label in labels.items() if label is not None})
    files = sorted(place.folder.rglob("*.tsv"))
    for word, subject in names.items():
        message = message.replace(word, subject)
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        freeze_cohort.main([names.get(a, a) for a in arguments.split()])
    assert sorted(place.folder.rglob("*.tsv")) == files


def test_withdrawn_and_excluded_subjects(place: Place, capsys) -> None:
    first = place.freeze("c1", "--test-share", "0")
    labels = {s: label for s, label in place.labels.items() if s != "P03"}
    place.subjects(labels | {"N1": "RICE", "N2": "RICE"})
    place.decide(
        "P03\tall\twithdraw\tAB\tconsent", "P04\tall\texclude\tAB\tx", "N2\tall\texclude\tAB\tx"
    )
    second = place.freeze("c2", "--extends", "c1")
    assert list(second["subject"]) == [s for s in first["subject"] if s != "P03"] + ["N1"]
    kept = first[first["subject"] != "P03"].reset_index(drop=True)
    assert second[:19].equals(kept)
    said = capsys.readouterr().out
    assert "withdrawn, not carried over: P03" in said and "excluded, not added: P04, N2" in said

"""arrival, vote, predictions: a subject without a label through the models of a finished cohort."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fake_cohort import CHANNELS, SHAPE, fake_model, make_cohort, volume
from ricenet.predict import arrival, predict, predictions, vote
from step_run import run_step

ABLATION = "postop-dose"
SAME = {"register": ["s1", "c1"], "crop": ["s2", "c2"]}


class Study:
    """A finished cohort of fake models, and caches of subjects who arrive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = make_cohort(folder, train=6, test=2, folds=3)
        self.trained_under(SAME)
        root = self.manifest.parent / ABLATION
        self.models = [
            fake_model(root / f"fold-{k}.safetensors", self.manifest, ablation=ABLATION, fold=k,
                       seed=k) for k in range(3)
        ]  # fmt: skip

    def trained_under(self, preprocessing: dict) -> None:
        record = self.manifest.with_suffix(".json")
        content = json.loads(record.read_text())
        content["facts"]["preprocessing"] = preprocessing
        record.write_text(json.dumps(content))

    def cache(self, subject: str, **facts) -> Path:
        path = self.folder / "caches" / f"{subject}.npy"
        np.save(path, volume(np.random.default_rng(5), 1))
        known = {
            "channels": list(CHANNELS), "kinds": list(CHANNELS.values()), "spacing_mm": 1.0,
            "shape": list(SHAPE), "preprocessing": SAME,
        }  # fmt: skip
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        record = {"facts": known | facts, "outputs": {"out": [{"digest": digest}]}}
        path.with_suffix(".json").write_text(json.dumps(record))
        return path

    def arrive(self, subject: str, **facts) -> dict:
        cache = self.cache(subject, **facts)
        out = self.place(subject, "manifest.tsv")
        return run_step(
            arrival.main, out.with_suffix(".json"), cohort=self.manifest,
            cohort_record=self.manifest.with_suffix(".json"), cache=cache,
            cache_record=cache.with_suffix(".json"), subject=subject, out=out,
        )  # fmt: skip

    def place(self, subject: str, name: str) -> Path:
        return self.manifest.parent / "predictions" / subject / name

    def predict(self, subject: str, models=None) -> pd.DataFrame:
        out = self.place(subject, "predictions.tsv")
        run_step(
            predict.main, out.with_suffix(".json"), {"batch_size": 1, "device": "cpu"},
            manifest=self.place(subject, "manifest.tsv"), models=models or self.models,
            ablation=ABLATION, out=out,
        )  # fmt: skip
        return pd.read_csv(out, sep="\t")

    def validation(self) -> list[Path]:
        """Out-of-fold predictions of 36 patients, 12 a fold, that part the classes."""
        paths = []
        for fold in range(3):
            rice = np.linspace(0.05, 0.95, 12)
            table = pd.DataFrame(
                {
                    "ablation": ABLATION,
                    "fold": fold,
                    "epoch": 1,
                    "which": "last",
                    "subject": [f"v{fold}-{i}" for i in range(12)],
                    "label": (rice > 0.5).astype(int),
                    "probability_rice": rice,
                }
            )
            paths.append(self.folder / f"fold-{fold}-predictions.tsv")
            table.to_csv(paths[-1], sep="\t", index=False)
        return paths

    def vote(self, subject: str) -> dict:
        out = self.place(subject, "prediction.json")
        run_step(
            vote.main, out.with_name("vote.json"), tables=[self.place(subject, "predictions.tsv")],
            validation=self.validation(), alphas="[0.1, 0.2]",
            manifest_record=self.place(subject, "manifest.json"), subject=subject, cohort="demo",
            out=out,
        )  # fmt: skip
        return json.loads(out.read_text())


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_a_new_subject_gets_the_answer_that_a_test_subject_of_these_voxels_gets(study) -> None:
    record = study.arrive("new-1")
    assert record["facts"]["ensemble"]["folds"] == [0, 1, 2]
    found = study.predict("new-1")
    # the same images as a test subject of the cohort, by the way of test subjects
    table = pd.read_csv(study.manifest, sep="\t").set_index("subject", drop=False)
    cache = study.folder / "caches" / "new-1.npy"
    table.loc["s06", "digest"] = hashlib.sha256(cache.read_bytes()).hexdigest()
    table.loc["s06", "cache"] = "../../caches/new-1.npy"
    table.to_csv(study.manifest, sep="\t", index=False)
    models = [
        fake_model(path, study.manifest, ablation=ABLATION, fold=k, seed=k)
        for k, path in enumerate(study.models)
    ]
    out = study.manifest.parent / "test-predictions.tsv"
    run_step(
        predict.main, out.with_suffix(".json"), {"batch_size": 1, "device": "cpu"},
        manifest=study.manifest, models=models, ablation=ABLATION, out=out,
    )  # fmt: skip
    test = pd.read_csv(out, sep="\t").query("subject == 's06'")
    assert found["probability_rice"].tolist() == test["probability_rice"].tolist()
    assert found["fold"].tolist() == [0, 1, 2] and set(found["label"]) == {-1}


def test_answer_counts_votes_and_says_what_it_is_for(study) -> None:
    study.arrive("new-1")
    rice = study.predict("new-1")["probability_rice"]
    answer = study.vote("new-1")
    mine = answer["ablations"][ABLATION]
    assert list(mine["models"].values()) == rice.tolist()
    assert mine["votes_rice"] == int((rice > 0.5).sum())
    assert mine["vote"] == ("RICE" if (rice > 0.5).sum() >= 2 else "recurrence")
    assert mine["mean_probability_rice"] == pytest.approx(rice.mean())
    assert "Research use only" in answer["use"] and answer["cohort"] == "demo"
    digest = hashlib.sha256(study.manifest.read_bytes()).hexdigest()
    assert answer["cohort_manifest"] == digest and answer["prepared_by_other_code"] == []
    found = mine["conformal"]
    assert found["not_made"] == "" and found["calibrated"] == {"recurrence": 18, "RICE": 18}
    assert [one["alpha"] for one in found["sets"]] == [0.1, 0.2]


@pytest.mark.parametrize(
    ("rice", "vote_", "count"),
    [([0.9, 0.6, 0.1], "RICE", 2), ([0.9, 0.4, 0.1], "recurrence", 1), ([0.9, 0.4], "RICE", 1)],
)
def test_vote(rice: list[float], vote_: str, count: int) -> None:
    table = pd.DataFrame({"fold": range(len(rice))[::-1], "probability_rice": rice[::-1]})
    found = vote.votes(table)
    assert found["vote"] == vote_ and found["votes_rice"] == count
    assert found["models"] == {f"fold-{k}": p for k, p in enumerate(rice)}


@pytest.mark.parametrize(
    ("subject", "facts", "message"),
    [
        ("s00", {}, "s00 is a train subject of this cohort"),
        ("s07", {}, "s07 is a test subject of this cohort"),
        ("n", {"preprocessing": SAME | {"crop": ["x", "c2"]}}, r"other settings of \['crop'\]"),
        ("n", {"preprocessing": {"crop": ["s2", "c2"]}}, r"other settings of \['register'\]"),
        ("n", {"preprocessing": {}}, r"other settings of \['crop', 'register'\]"),
        ("n", {"spacing_mm": 2.0}, "spacing_mm 2.0, the cohort's 1.0"),
        ("n", {"channels": ["event", "postop", "dose"]}, "channels"),
    ],
)
def test_refused(study: Study, subject: str, facts: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study.arrive(subject, **facts)
    assert not study.place(subject, "manifest.tsv").exists()


def test_models_of_unknown_settings_are_refused(study: Study) -> None:
    study.trained_under({})
    with pytest.raises(ValueError, match="unknown steps"):
        study.arrive("n", preprocessing={})


def test_other_code_is_said_and_does_not_stop(study: Study) -> None:
    record = study.arrive("n", preprocessing=SAME | {"crop": ["s2", "other"]})
    assert record["facts"]["steps_of_other_code"] == ["crop"]
    assert [c["verdict"] for c in record["checks"]] == ["fail"]
    study.predict("n")
    assert study.vote("n")["prepared_by_other_code"] == ["crop"]


def test_models_of_another_cohort_are_refused(study: Study) -> None:
    study.arrive("n")
    other = make_cohort(study.folder / "other", train=9, test=2, folds=3)
    models = [
        fake_model(study.folder / f"other-{k}", other, ablation=ABLATION, fold=k) for k in range(3)
    ]
    with pytest.raises(ValueError, match="trained with manifest"):
        study.predict("n", models)
    with pytest.raises(ValueError, match=r"models of folds \[0, 1\]"):
        study.predict("n", study.models[:2])


def test_altered_cache_is_refused(study: Study) -> None:
    path = study.cache("n")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    study.cache = lambda subject, **facts: path  # type: ignore[method-assign]
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="cache has changed"):
        study.arrive("n")


def test_table_of_all_who_arrived(study: Study, tmp_path: Path) -> None:
    answers = []
    for subject in ("n1", "n2"):
        study.arrive(subject)
        study.predict(subject)
        study.vote(subject)
        answers.append(study.place(subject, "prediction.json"))
    out = tmp_path / "predictions.tsv"
    run_step(predictions.main, tmp_path / "predictions.json", answers=answers, out=out)
    assert out.read_text().startswith("# Research use only")
    table = pd.read_csv(out, sep="\t", comment="#")
    assert list(table["subject"]) == ["n1", "n2"] and set(table["models"]) == {3}
    assert (table["lowest"] <= table["mean_probability_rice"]).all()
    assert (table["mean_probability_rice"] <= table["highest"]).all()

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from fake_cohort import make_cohort
from ricenet.cohort import prediction_table
from ricenet.evaluate import evaluate
from ricenet.statistics.published import PUBLISHED_VALIDATION_F1

ABLATIONS = ("dose", "postop-dose")
SETTINGS = {"confidence": 0.95, "bootstrap_samples": 50, "seed": 1}


@pytest.fixture
def study(tmp_path):
    manifest = make_cohort(tmp_path, train=18, test=4, folds=3)
    table = pd.read_csv(manifest, sep="\t")
    train, test = table[table["split"] == "train"], table[table["split"] == "test"]
    rng = np.random.default_rng(2)

    def predictions(rows, fold, **more):
        rice = np.clip(0.3 * rows["label"] + 0.7 * rng.random(len(rows)), 0, 1)
        rows = rows[["subject", "label"]].assign(fold=fold, probability_rice=rice, **more)
        return rows

    validation = pd.concat(
        predictions(train, train["fold"], ablation=a, which=w, epoch=e)
        for a in ABLATIONS
        for w, e in (("last", 8), ("best", 5))
    )[prediction_table.VALIDATION_COLUMNS]
    tested = pd.concat(predictions(test, k, ablation=a) for a in ABLATIONS for k in range(3))
    return manifest, validation, tested[prediction_table.TEST_COLUMNS]


def run(study):
    manifest, validation, test = study
    folder = manifest.parent / "evaluation"
    folder.mkdir(exist_ok=True)
    paths = []
    for i, (_, rows) in enumerate(validation.groupby(["ablation", "fold"])):
        paths.append(folder / f"v{i}.tsv")
        rows.to_csv(paths[-1], sep="\t", index=False)
    test.to_csv(folder / "t.tsv", sep="\t", index=False)
    evaluate.main(
        [
            "--manifest", str(manifest), "--validation", *map(str, paths),
            "--test", str(folder / "t.tsv"), "--out", str(folder / "metrics.tsv"),
            "--summary", str(folder / "metrics.json"), "--settings", json.dumps(SETTINGS),
            "--contrasts", str(folder / "contrasts.tsv"), "--openings",
            "--record", str(folder / "evaluation.json"),
        ]
    )  # fmt: skip
    table = pd.read_csv(folder / "metrics.tsv", sep="\t")
    return table, json.loads((folder / "metrics.json").read_text())["ablations"]


def pick(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_fold_means(study):
    table, summary = run(study)
    for ablation in ABLATIONS:
        for which in ("last", "best"):
            rows = study[1][(study[1]["ablation"] == ablation) & (study[1]["which"] == which)]
            folds = [
                f1_score(r["label"], r["probability_rice"] > 0.5, average="macro")
                for _, r in rows.groupby("fold")
            ]
            row = pick(
                table, ablation=ablation, set="validation", aggregate="fold mean", which=which,
                metric="macro_f1",
            )  # fmt: skip
            assert row["value"] == pytest.approx(np.mean(folds)) and row["n"] == 3
            assert row["sd"] == pytest.approx(np.std(folds, ddof=1))
            part = summary[ablation]["validation"]
            part = part if which == "last" else part["best_epoch_optimistic"]
            assert part["macro_f1_folds"] == pytest.approx(folds)
            assert part["macro_f1_mean"] == pytest.approx(np.mean(folds))


def test_pooled(study):
    table, summary = run(study)
    rows = study[1][(study[1]["ablation"] == "dose") & (study[1]["which"] == "last")]
    row = pick(
        table, ablation="dose", set="validation", aggregate="pooled", which="last", metric="auc"
    )
    assert row["value"] == pytest.approx(roc_auc_score(rows["label"], rows["probability_rice"]))
    # nine patients of a class: ranks of so few have no interval, and the row says so
    assert row["n"] == 18 and np.isnan(row["low"]) and np.isnan(row["high"])
    assert row["coverage"].startswith("no interval: fewer than 10 patients of a class")
    areas = table[table["metric"].isin(["auc", "auc_delong"])]
    assert areas["low"].isna().all() and areas["high"].isna().all()
    assert sum(summary["dose"]["validation"]["confusion"].values()) == 18


def test_intervals_say_how_they_were_made_and_what_they_are_worth(study):
    table, summary = run(study)
    limited = table[table["low"].notna()]
    assert limited["method"].notna().all() and limited["coverage"].notna().all()
    assert (limited["high"] > limited["low"]).all()
    assert (limited["low"] <= limited["value"] + 1e-9).all()
    assert (limited["high"] >= limited["value"] - 1e-9).all()
    pooled = limited[limited["aggregate"].isin(["pooled", "within folds"])]
    assert pooled["coverage"].str.contains("86 to 93 %").all()
    assert not limited.loc[limited["set"] == "test", "coverage"].str.contains("86 to 93 %").any()
    record = json.loads((study[0].parent / "evaluation" / "evaluation.json").read_text())
    assert record["facts"]["methods"] == sorted(limited["method"].unique())
    assert record["facts"]["contrasts"] == [["postop-dose", "dose"]]
    for part in (summary["dose"]["validation"], summary["dose"]["test"]["majority_vote"]):
        counts = part["confusion"]
        right = counts["true_positive"] + counts["true_negative"]
        assert part["right"] == f"{right} of {sum(counts.values())} right"


def test_exact_limits_stand_in_the_table(study):
    table, _ = run(study)
    wanted = {"ablation": "dose", "set": "test", "aggregate": "majority vote"}
    rows = study[2][study[2]["ablation"] == "dose"]
    votes = rows.assign(vote=rows["probability_rice"] > 0.5).groupby("subject")
    right = votes["vote"].sum().ge(2).to_numpy() == votes["label"].first().to_numpy()
    assert pick(table, **wanted, metric="macro_f1")["errors"] == 4 - right.sum()
    assert pick(table, **wanted, metric="macro_f1")["method"] == "exact"
    assert pick(table, **wanted, metric="sensitivity")["n"] == 2
    found = table[(table["metric"] == "ppv") & (table["set"] == "test")]
    assert sorted(found["prevalence"].unique()) == [0.18, 0.5]


def test_auc_within_folds_compares_within_folds_only(study):
    manifest, validation, test = study
    moved = validation["probability_rice"] / 3 + 0.25 * validation["fold"]  # three scales
    table, summary = run((manifest, validation.assign(probability_rice=moved), test))
    own = validation[(validation["ablation"] == "dose") & (validation["which"] == "last")]
    by_fold = [roc_auc_score(r["label"], r["probability_rice"]) for _, r in own.groupby("fold")]
    row = pick(table, ablation="dose", aggregate="within folds", which="last", metric="auc")
    assert row["value"] == pytest.approx(np.mean(by_fold))  # folds of six, three of each class
    found = summary["dose"]["validation"]["within_folds"]["auc"]["value"]
    assert found == pytest.approx(row["value"])


def test_two_folds_have_no_deviation(study):
    manifest, validation, test = study
    table = pd.read_csv(manifest, sep="\t")
    two = {0: 0, 1: 1, 2: 0, -1: -1}
    table.assign(fold=table["fold"].map(two)).to_csv(manifest, sep="\t", index=False)
    validation = validation.assign(fold=validation["fold"].map(two))
    metrics, summary = run((manifest, validation, test[test["fold"] < 2]))
    rows = metrics[metrics["aggregate"] == "fold mean"]
    assert rows["value"].notna().any() and rows[["sd", "low", "high"]].isna().all(axis=None)
    assert summary["dose"]["validation"]["macro_f1_sd"] is None


def test_a_constant_classifier_is_called_one(study):
    manifest, validation, test = study
    _, summary = run((manifest, validation.assign(probability_rice=0.2), test))
    part = summary["dose"]["validation"]
    assert (
        part["constant"] == "classifies every patient as recurrence"
        and part["right"] == "9 of 18 right"
    )
    assert summary["dose"]["test"]["majority_vote"]["constant"] == ""
    f1 = part["pooled"]["macro_f1"]
    assert f1["value"] == pytest.approx(1 / 3) and f1["high"] - f1["low"] > 0.2


def test_contrasts_are_written(study):
    run(study)
    found = pd.read_csv(study[0].parent / "evaluation" / "contrasts.tsv", sep="\t")
    assert list(found["set"]) == ["validation", "test"] and list(found["n"]) == [18, 4]
    assert set(found["first"]) == {"postop-dose"} and set(found["second"]) == {"dose"}
    assert found["verdict"].eq("cannot be shown with this many patients").all()


def test_ensemble_on_the_test_subjects(study):
    table, summary = run(study)
    wide = study[2][study[2]["ablation"] == "dose"].pivot(
        index="subject", columns="fold", values="probability_rice"
    )
    labels = study[2].drop_duplicates("subject").set_index("subject").loc[wide.index, "label"]
    for aggregate, predicted in (
        ("majority vote", (wide > 0.5).sum(axis=1) >= 2),
        ("mean probability", wide.mean(axis=1) > 0.5),
    ):
        row = pick(table, ablation="dose", set="test", aggregate=aggregate, metric="accuracy")
        assert row["value"] == pytest.approx((predicted == labels).mean()) and row["n"] == 4
        f1 = summary["dose"]["test"][aggregate.replace(" ", "_")]["macro_f1"]["value"]
        assert f1 == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert summary["dose"]["test"]["mean_probability"]["auc"]["value"] == pytest.approx(
        roc_auc_score(labels, wide.mean(axis=1))
    )
    assert "auc" not in summary["dose"]["test"]["majority_vote"]


def test_published_numbers_stand_beside(study):
    _, summary = run(study)
    for ablation in ABLATIONS:
        found = summary[ablation]["validation"]["published_macro_f1"]
        assert found == PUBLISHED_VALIDATION_F1[ablation]
        published = summary[ablation]["validation"]["published"]
        assert published["low"] < found < published["high"] and published["n"] == 80
        assert summary[ablation]["test"]["published_macro_f1"] is None


def test_order_of_rows_does_not_matter(study):
    manifest, validation, test = study
    table, summary = run(study)
    shuffled = run((manifest, validation.sample(frac=1, random_state=0), test[::-1]))
    point = ["ablation", "set", "aggregate", "which", "metric", "value"]
    keys = point[:-1]
    pd.testing.assert_frame_equal(
        table[point].sort_values(keys, ignore_index=True),
        shuffled[0][point].sort_values(keys, ignore_index=True),
    )
    test_parts = [{a: s[a]["test"] for a in ABLATIONS} for s in (summary, shuffled[1])]
    assert test_parts[0] == test_parts[1]


def test_without_test_subjects_there_is_nan_and_no_crash(study):
    manifest, validation, test = study
    table = pd.read_csv(manifest, sep="\t")
    table[table["split"] == "train"].to_csv(manifest, sep="\t", index=False)
    metrics, summary = run((manifest, validation, test[:0]))
    assert metrics.loc[metrics["set"] == "test", "value"].isna().all()
    assert summary["dose"]["test"]["majority_vote"]["macro_f1"]["value"] is None


def test_folds_with_one_class_are_left_out_of_the_mean(study):
    manifest, validation, test = study
    table = pd.read_csv(manifest, sep="\t")
    labels = table["label"].where(table["fold"] != 0, 0)
    table.assign(label=labels).to_csv(manifest, sep="\t", index=False)
    validation = validation.assign(label=validation["label"].where(validation["fold"] != 0, 0))
    metrics, summary = run((manifest, validation, test))
    row = pick(metrics, ablation="dose", aggregate="fold mean", which="last", metric="macro_f1")
    folds = summary["dose"]["validation"]["macro_f1_folds"]
    assert row["n"] == 2 and folds[0] is None
    assert row["value"] == pytest.approx(np.mean(folds[1:]))


def with_row(table, **changes):
    return pd.concat([table, table[:1].assign(**changes)])


BROKEN = {
    "a fold is missing": lambda v, t: (v[v["fold"] != 1], t, "missing"),
    "a subject is missing": lambda v, t: (v[v["subject"] != "s05"], t, "missing"),
    "no best epoch": lambda v, t: (v[v["which"] == "last"], t, "missing"),
    "in two folds": lambda v, t: (with_row(v, fold=1), t, "predicted twice"),
    "wrong fold": lambda v, t: (
        v.assign(fold=(v["fold"] + 1) % 3),
        t,
        "a model that trained on them",
    ),
    "test in validation": lambda v, t: (with_row(v, subject="s19"), t, "not of this split"),
    "train in test": lambda v, t: (v, with_row(t, subject="s01"), "not of this split"),
    "twice in test": lambda v, t: (v, with_row(t), "predicted twice"),
    "a test fold is missing": lambda v, t: (v, t[t["fold"] != 2], "folds"),
    "a test ablation is missing": lambda v, t: (v, t[t["ablation"] == "dose"], "postop-dose"),
    "an unknown ablation": lambda v, t: (v[v["ablation"] == "dose"], t, "no validation"),
    "a validation label": lambda v, t: (v.assign(label=1 - v["label"]), t, "labels"),
    "a test label": lambda v, t: (v, t.assign(label=1 - t["label"]), "labels"),
    "no probability": lambda v, t: (v.assign(probability_rice=np.nan), t, "probabilities"),
    "a column": lambda v, t: (v, t.drop(columns="label"), "columns"),
    "nothing": lambda v, t: (v[:0], t, "no validation predictions"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_predictions_are_refused(study, name):
    manifest, validation, test = study
    validation, test, message = BROKEN[name](validation, test)
    with pytest.raises(ValueError, match=message):
        run((manifest, validation, test))
    assert not (manifest.parent / "evaluation" / "metrics.tsv").exists()

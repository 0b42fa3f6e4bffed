"""describe_cohort: the wrong answers of a simulated cohort, counted again."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from fake_cohort import make_cohort
from ricenet.evaluate import describe_cohort, subgroups
from simulated_predictions import manifest, predictions
from step_run import run_step


def test_each_wrong_answer_has_a_card() -> None:
    cohort = manifest()
    validation, test = predictions(cohort, {"dose": 1.0, "event-dose": 1.5})
    answers = describe_cohort.answers_of(validation, test)
    assert len(answers) == 2 * 92
    features = pd.DataFrame(
        {"dose_hottest_gy": 60.0, "event_slice_mm": np.nan, "brain_asymmetry": 0.1},
        index=cohort.index,
    )
    rows = pd.DataFrame(describe_cohort.failures(answers, features))
    last = validation[validation["which"] == "last"]
    wrong = last[(last["probability_rice"] > 0.5) != (last["label"] == 1)]
    own = rows[rows["set"] == "validation"]
    assert sorted(zip(own["ablation"], own["subject"], strict=True)) == sorted(
        zip(wrong["ablation"], wrong["subject"], strict=True)
    )
    votes = test.assign(rice=test["probability_rice"] > 0.5).groupby(["ablation", "subject"])[
        "rice"
    ]
    for row in rows[rows["set"] == "test"].itertuples():
        assert row.votes_rice == votes.sum()[row.ablation, row.subject] and row.models == 5
        assert (row.votes_rice >= 3) == (row.called == "RICE") and row.called != row.label
    assert json.loads(rows["features"].iloc[0]) == {"dose_hottest_gy": 60.0}
    both = own.groupby("subject")["ablation"].count()
    assert (own.set_index("subject")["wrong_combinations"] == both.loc[own["subject"]]).all()
    for _, part in rows.groupby("ablation"):  # test patients first
        assert list(part["set"]) == sorted(part["set"])


def test_the_step_writes_its_tables(tmp_path) -> None:
    path = make_cohort(tmp_path, train=18, test=4, folds=3)
    table = pd.read_csv(path, sep="\t").set_index("subject", drop=False)
    flags: dict = {"manifest": path, "reference": "event"}
    for name, made in zip(("validation", "test"), predictions(table, {"dose": 0.5}), strict=True):
        made.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
        flags[name] = tmp_path / f"{name}.tsv"
    flags |= {"subjects": json.dumps(list(table.index)), "features": []}
    for i, subject in enumerate(table.index):
        flags["features"].append(tmp_path / f"{subject}.features.tsv")
        value = "" if i < 2 else "5.0" if i < 8 else "1.0"
        lines = ["group\tfeature\tvalue\tunit", f"scanner\tevent_slice_mm\t{value}\tmm",
                 "id\thash_0\t0.5\t"]  # fmt: skip
        flags["features"][-1].write_text("\n".join(lines) + "\n")
    names = ("subgroups", "failures", "missingness", "label-provenance")
    known = {table.index[0]: ["biopsy", "mixed"], table.index[1]: ["follow-up", ""]}
    flags["labels"] = json.dumps(known)
    flags |= {name: tmp_path / f"{name}.made.tsv" for name in names}
    settings = {"confidence": 0.95, "minimum": 5}
    record = run_step(describe_cohort.main, tmp_path / "d.json", settings, **flags)
    assert record["facts"] == {"features": 2, "subjects": 22}
    made = {n: pd.read_csv(flags[n], sep="\t") for n in names}
    assert list(made["subgroups"].columns) == subgroups.SUBGROUP_COLUMNS
    assert list(made["failures"].columns) == describe_cohort.FAILURE_COLUMNS
    provenance = made["label-provenance"]
    assert provenance["n"].sum() == 22
    told = provenance[provenance["source"] != "not stated"]
    assert sorted(zip(told["source"], told["histology"], told["n"], strict=True)) == [
        ("biopsy", "mixed", 1), ("follow-up", "not stated", 1),
    ]  # fmt: skip
    assert list(made["missingness"]["feature"]) == ["event_slice_mm"]
    assert set(made["subgroups"]["group"]) == {
        "not known", "slices up to 1.5 mm", "thicker slices",
    }  # fmt: skip

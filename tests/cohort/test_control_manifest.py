"""control_manifest: labels change places within folds, shares are nested, nobody is tested on."""

from collections import Counter

import numpy as np
import pytest

from ricenet.cohort import dataset
from ricenet.cohort.control_manifest import main, of_control, parts_of
from ricenet.provenance.seeds import derive_seed
from simulated_predictions import manifest

COHORT = manifest()  # 80 to train on in 5 folds, 32 of them RICE; 12 to test on


@pytest.mark.parametrize("control", ["permutation-0001", "seed-0002", "learning-040"])
def test_no_control_knows_a_test_subject(control):
    for fold in range(5):
        table = of_control(COHORT, control, fold, seed=2026)
        assert set(table["split"]) == {"train"}
        own = table[table["fold"] == fold]
        assert list(own.index) == list(COHORT.index[COHORT["fold"] == fold])  # all are validated


def test_permuted_labels_keep_their_counts_in_each_fold_and_are_the_same_for_all_folds():
    tables = [of_control(COHORT, "permutation-0001", k, seed=2026) for k in range(5)]
    train = COHORT[COHORT["split"] == "train"]
    for table in tables:
        assert table.equals(tables[0]) and list(table.index) == list(train.index)
        for fold, own in table.groupby("fold"):
            assert Counter(own["label"]) == Counter(train.loc[train["fold"] == fold, "label"])
    assert (tables[0]["label"] != train["label"]).sum() > 20
    other = of_control(COHORT, "permutation-0002", 0, seed=2026)
    assert (other["label"] != tables[0]["label"]).sum() > 20


def test_each_order_of_labels_is_as_likely():
    """Of a fold with one RICE among four, over many permutations: each subject as often."""
    small = COHORT.iloc[:4].assign(fold=0, label=[1, 0, 0, 0])
    counts = np.zeros(4)
    for number in range(1, 401):
        counts += of_control(small, f"permutation-{number:04d}", 0, seed=1)["label"].to_numpy()
    assert ((counts - 100) ** 2 / 100).sum() < 16.3  # chi square, 3 degrees, p = .001


def test_shares_of_the_training_subjects_are_nested_and_of_both_classes():
    before: set[str] = set()
    for percent in (20, 40, 80):
        table = of_control(COHORT, f"learning-{percent:03d}", 2, seed=2026)
        training = table[table["fold"] != 2]
        assert before <= set(training.index)
        before = set(training.index)
        rest = COHORT[(COHORT["split"] == "train") & (COHORT["fold"] != 2)]
        share = {y: round(percent * int((rest["label"] == y).sum()) / 100) for y in (0, 1)}
        assert Counter(training["label"]) == share


def test_names_and_seeds():
    assert parts_of("permutation-0012") == ("permutation", 12)
    for name in ("postop-1", "seed", "learning-x"):
        with pytest.raises(ValueError, match="is no control"):
            parts_of(name)
    assert len({derive_seed("control", 2026, "seed", k) for k in range(50)} | {2026}) == 51


def test_the_step_writes_a_manifest_that_training_reads(tmp_path):
    from fake_cohort import make_cohort

    path = make_cohort(tmp_path, train=6, test=2, folds=2, shape=(4, 4, 4))
    out = path.parent / "controls/permutation-0001/fold-0/control-manifest.tsv"
    main(
        ["--manifest", str(path), "--control", "permutation-0001", "--fold", "0", "--out",
         str(out), "--record", str(out.with_suffix(".json")), "--settings", '{"seed": 1}']
    )  # fmt: skip
    table, facts = dataset.read_manifest(out)
    assert len(table) == 6 and facts.channels == ("postop", "event", "dose")
    for row in table.itertuples():
        dataset.read_cache(row.cache, subject=row.subject, digest=row.digest, shape=(3, 4, 4, 4))

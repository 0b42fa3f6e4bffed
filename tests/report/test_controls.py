"""controls: n and p stand with the null; a leak comes first; what was not run reads so."""

from ricenet.report.controls import controls

ROW = {
    "control": "permutation", "ablation": "a-b", "metric": "auc", "n": "80", "runs": "3",
    "observed": "0.84", "at_least": "0", "p": "0.25", "smallest_p": "0.25", "mean": "0.5",
    "sd": "0.05", "lowest": "0.44", "highest": "0.57", "chance_low": "0.37", "chance_high": "0.63",
    "p_leak": "0.9", "verdict": "no leak seen",
}  # fmt: skip


def test_the_sentence_holds_observed_null_n_and_p():
    (sentence,) = controls({"control_summary": [ROW, {**ROW, "metric": "macro_f1"}]})["sentences"]
    for part in ("AUC 0.84", "80 patients", "0.44 to 0.57 in 3 runs", "0.37 to 0.63", "p = 0.25",
                 "no less than 0.25"):  # fmt: skip
        assert part in sentence, part


def test_a_leak_is_the_first_sentence():
    leak = {**ROW, "ablation": "b", "verdict": "a leak: permuted labels are predicted"}
    found = controls({"control_summary": [ROW, leak]})
    assert found["leak"] and found["sentences"][0].startswith("b:")


def test_what_was_not_made_says_so():
    assert controls({})["sentences"][0].startswith("Not made: ")
    seeds = controls({"control_summary": [{**ROW, "control": "seed"}]})
    assert (
        seeds["sentences"] == ["Labels were not permuted: not made."] and len(seeds["others"]) == 1
    )

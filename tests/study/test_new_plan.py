"""new-plan: its draft is a plan of the study, and says what was seen before."""

from pathlib import Path

import pytest
import yaml

from ricenet.config import analysis_plan
from ricenet.study import new_plan
from studies import TWO, make, study_values


@pytest.mark.parametrize("channels", [None, TWO, TWO[:1]])
def test_the_draft_is_a_plan_of_its_study(tmp_path, channels):
    changes = {"channels": channels, "occlusion_map": OFF} if channels else {}
    if channels == TWO[:1]:
        changes |= {"reference": "postop"}
    study = make(tmp_path, results=str(tmp_path / "results"), **changes)
    path = tmp_path / "draft.yaml"
    path.write_text(new_plan.draft(study))
    plan = analysis_plan.read(path)
    assert plan.seen_before == "nothing" and plan.seed == study.config.train_model.seed
    assert plan.inputs[0] == "-".join(study.channels)
    assert len(plan.contrasts) == {3: 3, 2: 2, 1: 0}[len(study.channels)]
    make(tmp_path, results=str(tmp_path / "results"), analysis_plan=str(path), **changes)


OFF = {**study_values(Path("x"))["occlusion_map"], "ablations": []}


def test_it_says_what_was_seen_and_overwrites_nothing(tmp_path, capsys, monkeypatch):
    study = make(tmp_path, results=str(tmp_path / "results"))
    for kind, seen in (("metrics", "validation"), ("test_predictions", "test")):
        path = Path(study.at(kind, ablation="dose"))
        path.parent.mkdir(parents=True)
        path.write_text("x")
        assert f"seen_before: {seen}" in new_plan.draft(study)
        with pytest.raises(ValueError, match=f"write seen_before: {seen} into ") as error:
            make(tmp_path, results=str(tmp_path / "results"))
        assert path.as_posix() in str(error.value)  # the file, and both remedies as they are typed
        assert f"mv {study.root} {study.root}-without-plan" in str(error.value)
    values = study_values(tmp_path, results=str(tmp_path / "results"))
    config, out = tmp_path / "study.yaml", tmp_path / "plans/plan.yaml"
    values["analysis_plan"] = str(out)  # named before it is written
    config.write_text(yaml.safe_dump(values))
    words = ["--configfile", str(config), "--out", str(out)]
    assert new_plan.main(words) == 0 and analysis_plan.read(out).seen_before == "test"
    assert new_plan.main(words) == 2 and "not overwritten" in capsys.readouterr().err

"""The benchmark of learning: its rows, floors and intervals, on numbers that are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmark_modules import benchmark
from ricenet.phantom.latents import draw_latents
from ricenet.statistics.metrics import auc

recipes, floors, table, learning = (
    benchmark(name)
    for name in ("learning_recipes", "learning_floors", "learning_table", "learning")
)


# --- rows


def test_every_row_has_a_name_that_reads_back():
    rows = list(recipes.order())
    assert len({row.name for row in rows}) == len(rows)
    assert [recipes.parse(row.name) for row in rows] == rows
    assert recipes.parse("shape/postop/paper") == recipes.Row("shape", "postop", "paper")
    with pytest.raises(ValueError, match=r"'shape/postop/best' does not exist.*'paper'"):
        recipes.parse("shape/postop/best")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model.eyes": 3}, "no setting train_model.model.eyes"),
        ({"epochs": 0}, "does not take train_model.epochs = 0"),
    ],
)
def test_what_this_tree_does_not_offer_is_refused_by_row_key_and_value(
    monkeypatch, overrides, message
):
    monkeypatch.setattr(recipes, "NETWORKS", {"new": recipes.Recipe(overrides, "")})
    row = recipes.Row("intensity", "postop", "new")
    with pytest.raises(ValueError, match=f"intensity/postop/new/2026: .*{message}"):
        recipes.settings_of(row)
    assert recipes.offered([row])[0] == []


def test_the_papers_recipe_is_that_of_the_study_in_float32():
    row = recipes.Row("intensity", "dose", "paper", 5)
    differ = {
        key for key, value in recipes.settings_of(row).items()
        if value != recipes.base_settings()[key]
    }  # fmt: skip
    assert differ <= {"precision", "device", "seed"}
    assert recipes.settings_of(row)["precision"] == "fp32"


def test_cost_counts_patients_that_are_missing_once(tmp_path):
    row = recipes.Row("intensity", "postop", "brightness")
    more = [row, row._replace(recipe="lr-near"), row._replace(inputs="event")]
    folder = learning.caches_of(row, learning.TEST_SEED, tmp_path)
    folder.mkdir(parents=True)
    (folder / "P001.npy").touch()
    assert next(iter(learning.cost_s(more, tmp_path))) == "1071 patients to be made"  # 72 + 999


# --- floors


@pytest.mark.parametrize("inputs", ["postop", "event", "dose", "postop-dose", "postop-event-dose"])
def test_perfect_reader_against_simulated_latents(inputs):
    rng = np.random.default_rng(2)
    labels = np.arange(3000) % 2
    truths = [{"latents": draw_latents(rng, label=y, scale=1.5)._asdict()} for y in labels]
    scores = np.array([floors.perfect_score(t, inputs) for t in truths])
    assert auc(labels, scores) == pytest.approx(floors.perfect_auc(inputs, 1.5), abs=0.02)


def test_features_count_what_is_bright_near_and_far():
    volume = np.zeros((40, 40, 40), np.float32)
    volume[2:38, 2:38, 2:38] = 0.1
    volume[10, 10, 10:12] = 2.7
    volume[30, 30, 30] = 4.0
    near = floors.near_features(volume, (10, 10, 10), 3.0)
    whole = floors.global_features(volume)
    assert (len(near), len(whole)) == (11, 12)
    assert near[5:9] == [2, 2, 2, 0]  # above 1.5, 2, 2.5, 3
    assert whole[5:9] == [3, 3, 3, 1]
    assert whole[-1] == 36**3
    assert floors.bright(volume, "postop") == 3


def test_a_box_is_cut_about_its_centre_and_padded():
    rng = np.random.default_rng(0)
    volumes = rng.standard_normal((2, 12, 14, 10)).astype(np.float16)
    box = learning.cut(volumes, np.array([6.0, 7.0, 5.0]), 5)
    np.testing.assert_array_equal(box, volumes[:, 4:9, 5:10, 3:8])
    edge = learning.cut(volumes, np.array([0.0, 7.0, 5.0]), 5)
    assert not edge[:, :2].any()
    np.testing.assert_array_equal(edge[:, 2:], volumes[:, :3, 5:10, 3:8])


def test_a_moved_box_is_moved_by_its_distance_each_patient_otherwise():
    row = recipes.Row("intensity", "postop", "box-moved")
    truth = {"cavity_voxel": [20.0, 30.0, 25.0]}
    centres = [learning.centre_of(row, name, truth) for name in ("P001", "P002")]
    for centre in centres:
        assert np.linalg.norm(centre - truth["cavity_voxel"]) * 3.0 == pytest.approx(7.5)
    assert np.linalg.norm(centres[0] - centres[1]) > 0.5


# --- the table


def test_share_and_its_limits_against_a_bootstrap():
    rng = np.random.default_rng(1)
    labels = (np.arange(200) % 5 < 2).astype(int)
    perfect = rng.standard_normal(200) + 1.5 * labels
    scores = perfect + 1.5 * rng.standard_normal(200)
    found = table.share_of_the_way(labels, scores, perfect)

    def share(own: np.ndarray) -> float:
        areas = [auc(labels[own], s[own]) - 0.5 for s in (scores, perfect)]
        return areas[0] / areas[1]

    by_class = [np.flatnonzero(labels == k) for k in (0, 1)]
    drawn = [
        share(np.concatenate([rng.choice(own, len(own)) for own in by_class])) for _ in range(1500)
    ]
    assert found.value == pytest.approx(share(np.arange(200)))
    np.testing.assert_allclose(found[1:], np.quantile(drawn, [0.025, 0.975]), atol=0.04)


def test_a_perfect_reader_has_it_all_and_without_one_there_is_no_interval():
    rng = np.random.default_rng(3)
    labels = np.arange(100) % 2
    perfect = rng.standard_normal(100) + labels
    np.testing.assert_allclose(table.share_of_the_way(labels, perfect, perfect), 1, atol=1e-6)
    blind = rng.standard_normal(100)
    assert np.isnan(table.share_of_the_way(labels, perfect, blind).low)


def row_record(recipe: str, scores: np.ndarray, **more) -> dict:
    labels = np.arange(len(scores)) % 2
    return {
        "signal": "shape", "inputs": "postop", "recipe": recipe, "seed": 2026, "scale": 1.5,
        "labels": labels.tolist(), "perfect": labels.tolist(), "scores": scores.tolist(),
        "training_patients": 64, "processor_seconds": 12.0, **more,
    }  # fmt: skip


def test_the_table_has_n_chance_and_the_probes_of_a_box():
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((3, 60))
    good = noise[0] + 2 * (np.arange(60) % 2)
    text = table.table(
        [
            row_record("box", good, probes={"position": noise[1].tolist()}),
            row_record("paper", noise[2]),
        ]
    )
    assert "64 training, 60 test patients (30 RICE)" in text
    assert "0.50 +- 0.15" in text
    assert "its box alone: position" in text
    assert table.table([]) == "no row is finished"


# --- a row from beginning to end


@pytest.mark.long
def test_a_row_is_trained_stored_and_not_made_again(tmp_path, monkeypatch, capsys):
    """Random volumes in place of patients: what is stored is what the table needs."""
    monkeypatch.setattr(learning, "TRAINING", 6)
    monkeypatch.setattr(learning, "VALIDATION", 2)
    monkeypatch.setattr(learning, "TEST", 6)
    base = recipes.base_settings() | {"epochs": 2, "batch_size": 2}
    monkeypatch.setattr(recipes, "base_settings", lambda: base)

    def fake(out, *, subjects, seed, **_):
        out.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        found = {}
        for place in range(subjects):
            name = f"P{place + 1:03d}"
            volumes = rng.standard_normal((3, 36, 40, 36)).astype(np.float16)
            np.save(out / f"{name}.npy", volumes)
            found[name] = {
                "label": place % 2, "cavity_voxel": [18, 20, 18], "lesion_voxel": [18, 20, 18],
                "latents": {"dose": 0.1 * place, "post": 0.2, "event": -0.3, "pair": 0.0},
            }  # fmt: skip
        return found

    monkeypatch.setattr(learning.phantom_caches, "make_cohort", fake)
    names = ["intensity/dose/box", "intensity/dose/lr-global"]
    program = ["learning", "--out", str(tmp_path), "--rows", *names]
    monkeypatch.setattr("sys.argv", program)
    learning.main()
    assert "6 test patients" in capsys.readouterr().out
    records = [json.loads(path.read_text()) for path in sorted((tmp_path / "rows").glob("*.json"))]
    box, by_hand = records
    assert len(box["scores"]) == len(by_hand["scores"]) == 6
    assert set(box["probes"]) == {"position", "size"}
    assert box["settings"]["precision"] == "fp32"
    assert len(box["commit"]) == 40
    assert not list((tmp_path / "work").iterdir())
    learning.main()
    assert "2 rows are there, 0 to be made" in capsys.readouterr().out

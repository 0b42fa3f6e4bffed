"""recipe: the methods paragraph names what was used, and nothing else."""

from ricenet.config import introduced
from ricenet.report import methods, references
from ricenet.report.records import Run, Runs

PLAIN = {
    "seed": 1, "epochs": 40, "batch_size": 8, "learning_rate": 0.001, "weight_decay": 0.05,
    "model": {"stem_stride": 2, "width": 0.25}, "augmentation": {"probability": 0.5},
}  # fmt: skip
RECIPE = {
    **PLAIN,
    "schedule": "cosine", "warmup": 0.05, "optimizer": "adamw", "label_smoothing": 0.1,
    "averaged_weights": 0.98, "augmentation": {"probability": 0.5, "mirror": 0.25},
    "model": {
        "network": "local", "stem_stride": 1, "width": 1.0, "thresholds": [-2.0, 2.0],
        "stem_kernel": 5, "norm": "instance", "dropout": 0.3, "pooling": "top_k",
    },
}  # fmt: skip


def written(*settings) -> str:
    facts = {"model": {"ablation": "dose", "fold": 0}, "device": "cpu"}
    runs = Runs(
        Run("", "train_model", "", introduced.fill_in("train_model", s), facts, {}, [], 1.0)
        for s in settings
    )
    sentences = methods.training(runs)
    assert references.numbered(sentences)[1]  # each key is known
    return " ".join(sentences)


def test_the_published_recipe_is_said_as_before() -> None:
    text = written(PLAIN)
    assert "resnet18 of MONAI in 3D [@resnet18, @monai], feature maps times 0.25, stride 2" in text
    assert "Adam [@adam] minimised the cross-entropy over 40 epochs in batches of 8 with a " in text
    assert "learning rate of 0.001 and a weight decay of 0.05" in text
    assert "a probability of 0.5. The model of the last epoch counts; none was chosen" in text


def test_every_part_of_another_recipe_is_named() -> None:
    text = written(RECIPE)
    for said in (
        "local, three small convolutions in 3D, feature maps",
        "5 voxels its kernel", "beyond intensities of [-2.0, 2.0]", "instance norm [@instance]",
        "mean of the largest twentieth of the last maps [@topk]", "dropout of 0.3",
        "AdamW [@adamw]", "labels smoothed by 0.1 [@smoothing]",
        "0.001, falling to 0 (cosine [@cosine]) after a linear rise in a share of 0.05 of the ",
        "left and right were exchanged with 0.25", "keeps a share of 0.98",
    ):  # fmt: skip
        assert said in text, said
    assert "MONAI" not in text and "Adam [" not in text


def test_trainings_that_differ_are_counted() -> None:
    text = written(PLAIN, {**PLAIN, "optimizer": "adamw"}, RECIPE)
    assert "AdamW [@adamw] (2 runs), Adam [@adam] (1 runs)" in text
    assert "resnet18 (2 runs), local (1 runs) of MONAI" in text

import torch

from ricenet.train import sampler


def test_both_classes_are_drawn_equally_often():
    labels = torch.tensor([0] * 52 + [1] * 12)
    drawn = torch.tensor(sampler.draw_subjects(labels, 20000, seed=1))
    assert abs(labels[drawn].double().mean() - 0.5) < 0.02
    counts = torch.bincount(drawn, minlength=64)
    assert counts[:52].min() > 0.7 * 10000 / 52 and counts[52:].min() > 0.8 * 10000 / 12


def test_order_follows_from_the_seed():
    labels = torch.tensor([0, 1, 0, 1])
    assert sampler.draw_subjects(labels, 50, seed=3) == sampler.draw_subjects(labels, 50, seed=3)
    assert sampler.draw_subjects(labels, 50, seed=3) != sampler.draw_subjects(labels, 50, seed=4)


def test_seed_of_a_sample_is_of_subject_epoch_and_repeat():
    a, b, a_again = sampler.sample_seeds(1, ["a", "b", "a"], epoch=0)
    assert len({a, b, a_again}) == 3
    assert sampler.sample_seeds(1, ["b", "a"], epoch=0) == [b, a]
    assert sampler.sample_seeds(1, ["a"], epoch=1) != [a]
    assert sampler.sample_seeds(2, ["a"], epoch=0) != [a]

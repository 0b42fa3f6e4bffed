# REQUIRED INPUTS: predictions for the validation folds and the test subjects, from train.smk and
# predict.smk.
# OUTPUTS: cohorts/<cohort>/evaluation/metrics.tsv, contrasts.tsv; comparison.tsv where two cohorts
# are compared; calibration.tsv, thresholds.tsv, decision.tsv, conformal.tsv, selective.tsv.


rule evaluate:
    """Turn predictions into metrics with confidence intervals."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        validation=COHORT.validation_predictions(),
        test=COHORT.test_predictions(),
    output:
        metrics=STUDY.at("metrics"),
        summary=STUDY.at("metrics_summary"),
        contrasts=STUDY.at("contrasts"),
        record=STUDY.at("evaluation_record"),
    log:
        f"{LOGS}/{STUDY.cohort_name}/evaluate.log",
    benchmark:
        f"{BENCHMARKS}/{STUDY.cohort_name}/evaluate.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("evaluate"),
        code=STUDY.code("evaluate"),
    shell:
        "python -m ricenet evaluate --manifest {input.manifest:q} "
        "--validation {input.validation:q} --test {input.test:q} --out {output.metrics:q} "
        "--summary {output.summary:q} --contrasts {output.contrasts:q} "
        "--record {output.record:q} --settings {params.settings:q} --log {log:q} --threads {threads}"


rule calibrate:
    """Measure what the probabilities are worth: calibration, thresholds, decisions, abstention."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        validation=COHORT.validation_predictions(),
        test=COHORT.test_predictions(),
    output:
        calibration=STUDY.at("calibration"),
        curve=STUDY.at("calibration_curve"),
        thresholds=STUDY.at("thresholds"),
        decision=STUDY.at("decision"),
        conformal=STUDY.at("conformal"),
        selective=STUDY.at("selective"),
        record=STUDY.at("calibration_record"),
    log:
        f"{LOGS}/{STUDY.cohort_name}/calibrate.log",
    benchmark:
        f"{BENCHMARKS}/{STUDY.cohort_name}/calibrate.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("calibrate"),
        code=STUDY.code("calibrate"),
    shell:
        "python -m ricenet calibrate --manifest {input.manifest:q} "
        "--validation {input.validation:q} --test {input.test:q} "
        "--calibration {output.calibration:q} --curve {output.curve:q} "
        "--thresholds {output.thresholds:q} --decision {output.decision:q} "
        "--conformal {output.conformal:q} --selective {output.selective:q} "
        "--record {output.record:q} --settings {params.settings:q} --log {log:q} --threads {threads}"


rule compare:
    """Compare this cohort's ensembles with another cohort's on common test subjects."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        mine=COHORT.test_predictions(),
        others=PREDICT.other_predictions(),
    output:
        table=STUDY.at("comparison"),
        record=STUDY.at("comparison_record"),
    log:
        f"{LOGS}/{STUDY.cohort_name}/compare.log",
    benchmark:
        f"{BENCHMARKS}/{STUDY.cohort_name}/compare.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("compare"),
        code=STUDY.code("compare"),
        ablations=json_text(COHORT.tested()),
    shell:
        "python -m ricenet compare --manifest {input.manifest:q} "
        "--ablations {params.ablations:q} --mine {input.mine:q} "
        "--others {input.others:q} --out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

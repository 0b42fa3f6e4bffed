# REQUIRED INPUTS: predictions for the validation folds and the test subjects, from train.smk and
# predict.smk.
# OUTPUTS: cohorts/<cohort>/evaluation/metrics.tsv; comparison.tsv where two cohorts are compared.


rule evaluate:
    """Turn predictions into metrics with confidence intervals."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        validation=STUDY.validation_predictions(),
        test=STUDY.test_predictions(),
    output:
        metrics=f"{COHORT}/evaluation/metrics.tsv",
        summary=f"{COHORT}/evaluation/metrics.json",
        record=f"{COHORT}/evaluation/evaluation.json",
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
        "--summary {output.summary:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule compare:
    """Compare this cohort's ensembles with another cohort's on common test subjects."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        mine=STUDY.test_predictions(),
        others=FROZEN.other_predictions(),
    output:
        table=f"{COHORT}/evaluation/comparison.tsv",
        record=f"{COHORT}/evaluation/comparison.json",
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
    shell:
        "python -m ricenet compare --manifest {input.manifest:q} --mine {input.mine:q} "
        "--others {input.others:q} --out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

# REQUIRED INPUTS: everything that the study has made; a subject outside the cohort that failed in the
# last run is not waited for.
# OUTPUTS: audit/records.tsv.


rule audit:
    """Collect every record into one table; recompute every digest and every invariant."""
    input:
        evaluation=COHORT.if_cohort(rules.evaluate.output.record),
        tables=COHORT.tables(),
        controls=CONTROLS.tables(),
        comparison=PREDICT.if_compared(rules.compare.output.record),
        overviews=PREPROCESS.overviews(REPORTED),
        caches=PREPROCESS.caches(REPORTED),
        occlusions=EXPLAIN.pictures(),
        natives=EXPLAIN.natives(),
        occlusion_summaries=EXPLAIN.summaries(),
        occlusion_statistics=EXPLAIN.statistics(),
        counterfactuals=EXPLAIN.counterfactuals(),
        further_maps=EXPLAIN.further_maps(),
    output:
        table=STUDY.at("audit"),
        record=STUDY.at("audit_record"),
    log:
        STUDY.at("audit_log"),
    benchmark:
        STUDY.at("audit_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("audit"),
        code=STUDY.code("audit"),
        overrides=STUDY.config.overrides,
        overrides_digest=digests.bytes_digest(STUDY.config.overrides),
    shell:
        "python -m ricenet audit --overrides {params.overrides:q} --out {output.table:q} "
        "--record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

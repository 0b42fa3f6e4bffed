# REQUIRED INPUTS: caches/<subject>.npy of every subject of the cohort, from preprocess.smk.
# OUTPUTS: cohorts/<cohort>/manifest.tsv. Its record is ancient to the rules that follow: it holds
# times, and a manifest that came out the same must not train again.


rule manifest:
    """List a cohort's subjects with fold, label and the digest of their cache."""
    input:
        caches=COHORT.caches,
    output:
        table=STUDY.at("manifest"),
        record=STUDY.at("manifest_record"),
    log:
        STUDY.at("manifest_log"),
    benchmark:
        STUDY.at("manifest_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("manifest"),
        code=STUDY.code("manifest"),
        rows=COHORT.manifest_rows(),
    shell:
        "python -m ricenet manifest --caches {input.caches:q} --rows {params.rows:q} "
        "--out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

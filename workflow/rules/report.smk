# REQUIRED INPUTS: the evaluation and the audit; the pictures and tables of explanations.
# OUTPUTS: cohorts/<cohort>/report/index.html, reporting-sheets.tsv, methods.md, model-card.md.

STATEMENTS, STATEMENTS_DIGEST = statements.checked(STUDY.config.report.statements)


rule report:
    """Write the study's report: one HTML page."""
    input:
        metrics=COHORT.if_cohort(rules.evaluate.output.metrics),
        summary=COHORT.if_cohort(rules.evaluate.output.summary),
        manifest=COHORT.if_cohort(rules.manifest.output.table),
        manifest_record=COHORT.if_cohort(ancient(rules.manifest.output.record)),
        validation=COHORT.validation_predictions(),
        test=COHORT.test_predictions(),
        tables=[*COHORT.tables(), *CONTROLS.tables()],
        comparison=PREDICT.if_compared(rules.compare.output.table),
        audit=rules.audit.output.table,
        audit_record=rules.audit.output.record,
        overviews=PREPROCESS.overviews(REPORTED),
        occlusions=EXPLAIN.pictures(),
        importance=EXPLAIN.summaries(),
        map_statistics=EXPLAIN.statistics(),
        counterfactuals=EXPLAIN.counterfactuals(),
    output:
        page=STUDY.at("report"),
        sheets=STUDY.at("reporting_sheets"),
        methods=STUDY.at("methods_text"),
        card=STUDY.at("model_card"),
        record=STUDY.at("report_record"),
    log:
        STUDY.at("report_log"),
    benchmark:
        STUDY.at("report_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("report"),
        code=STUDY.code("report"),
        templates=digests.folder_digest(SOURCE / "ricenet/report/templates"),
        subjects=json.dumps(list(STUDY.subjects.index)),
        excluded=json.dumps(STUDY.excluded, sort_keys=True),
        accepted=json_text({s: sorted(c) for s, c in STUDY.accepted.items()}),
        tabled=json_text([*COHORT.tabled(), *CONTROLS.tabled()]),
        pictured=json_text(REPORTED),
        mapped=json_text(EXPLAIN.mapped()),
        phantoms=STUDY.phantoms,
        statements=STATEMENTS,
        statements_digest=STATEMENTS_DIGEST,
    shell:
        "python -m ricenet report --summary {input.summary:q} --metrics {input.metrics:q} "
        "--manifest {input.manifest:q} --validation {input.validation:q} --test {input.test:q} "
        "--comparison {input.comparison:q} --audit {input.audit:q} "
        "--audit-record {input.audit_record:q} "
        "--tabled {params.tabled:q} --tables {input.tables:q} "
        "--pictured {params.pictured:q} --overviews {input.overviews:q} "
        "--mapped {params.mapped:q} --occlusions {input.occlusions:q} --importance {input.importance:q} "
        "--map-statistics {input.map_statistics:q} "
        "--counterfactuals {input.counterfactuals:q} --subjects {params.subjects:q} "
        "--excluded {params.excluded:q} --accepted {params.accepted:q} "
        "--phantoms {params.phantoms:q} --statements {params.statements:q} "
        "--out {output.page:q} --sheets {output.sheets:q} "
        "--methods {output.methods:q} --card {output.card:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

# REQUIRED INPUTS: predictions for the validation folds and the test subjects, from train.smk and
# predict.smk.
# OUTPUTS: cohorts/<cohort>/test-openings.tsv; cohorts/<cohort>/evaluation/metrics.tsv, contrasts.tsv; comparison.tsv where two cohorts
# are compared; calibration.tsv, thresholds.tsv, decision.tsv, conformal.tsv, selective.tsv;
# probes.tsv, added-value.tsv, probe-decision.tsv; subgroups.tsv, failures.tsv, missingness.tsv, label-provenance.tsv; near-duplicates.tsv; and subjects/<subject>/probe-features.tsv of the cohort's subjects.


# The ledger is no output, or Snakemake would delete it before the job: both steps replace it by a
# longer one, and each has one job in a run, the second after the first. What looks at test subjects
# waits for the first, which knows plan and code without being made again when they change; not by
# ancient(): Snakemake 9.27 does not see other reasons of jobs behind one that runs.
rule open_test_set:
    """Note that the test set is opened: when, under which plan, with which models."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        model_records=COHORT.model_records(),
    output:
        record=STUDY.at("test_openings_record"),
    log:
        STUDY.at("open_test_set_log"),
    benchmark:
        STUDY.at("open_test_set_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("open_test_set"),
        plan=STUDY.config.analysis_plan or "",
        ledger=layout.file_name("test_openings"),
    shell:
        "python -m ricenet open_test_set --manifest {input.manifest:q} "
        "--model-records {input.model_records:q} --plan {params.plan:q} "
        "--ledger {params.ledger:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule note_plan:
    """Note under which plan results are evaluated, where it is another than at the opening."""
    input:
        opening_record=rules.open_test_set.output.record,
    output:
        record=STUDY.at("plan_record"),
    log:
        STUDY.at("note_plan_log"),
    benchmark:
        STUDY.at("note_plan_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("note_plan"),
        code=STUDY.code("note_plan"),
        ledger=layout.file_name("test_openings"),
        plan=STUDY.plan_text,
    shell:
        "python -m ricenet note_plan --opening-record {input.opening_record:q} "
        "--plan {params.plan:q} --ledger {params.ledger:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule evaluate:
    """Turn predictions into metrics with confidence intervals."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        validation=COHORT.validation_predictions(),
        test=COHORT.test_predictions(),
        plan=COHORT.plan_noted(),
    output:
        metrics=STUDY.at("metrics"),
        summary=STUDY.at("metrics_summary"),
        contrasts=STUDY.at("contrasts"),
        record=STUDY.at("evaluation_record"),
    log:
        STUDY.at("evaluate_log"),
    benchmark:
        STUDY.at("evaluate_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("evaluate"),
        code=STUDY.code("evaluate"),
        ledger=COHORT.ledger(),
        plan=STUDY.plan_text,
        test_set=STUDY.test_set.state,
    shell:
        "python -m ricenet evaluate --manifest {input.manifest:q} "
        "--validation {input.validation:q} --test {input.test:q} --openings {params.ledger:q} "
        "--plan={params.plan:q} --test-set {params.test_set:q} --out {output.metrics:q} "
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
        STUDY.at("calibrate_log"),
    benchmark:
        STUDY.at("calibrate_benchmark")
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


rule probe_features:
    """Measure what a model without the images could know of a subject."""
    input:
        records=PREPROCESS.quality_records,
        quality=rules.quality.output.table,
        mask=STUDY.at("brain_mask", channel=STUDY.config.reference),
        image=STUDY.at("zscored", channel=STUDY.config.reference),
        doses=expand(STUDY.at("total"), channel=STUDY.dose, allow_missing=True),
        outlines=PREPROCESS.outlines,
    output:
        table=STUDY.at("probe_features"),
        record=STUDY.at("probe_features_record"),
    log:
        STUDY.at("probe_features_log"),
    benchmark:
        STUDY.at("probe_features_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("probe_features"),
        code=STUDY.code("probe_features"),
        mri=json_text(STUDY.mri),
        dose=json_text(STUDY.dose),
        outline_names=PREPROCESS.outline_names,
    shell:
        "python -m ricenet probe_features --subject {wildcards.subject:q} "
        "--records {input.records:q} --quality {input.quality:q} --mask {input.mask:q} "
        "--image {input.image:q} --mri {params.mri:q} --dose {params.dose:q} --doses {input.doses:q} "
        "--outline-names {params.outline_names:q} --outlines {input.outlines:q} "
        "--out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule probes:
    """Ask whether a model of few features does as well as a network."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        validation=COHORT.validation_predictions(),
        features=COHORT.probe_features(),
        plan=COHORT.plan_noted(),
    output:
        probes=STUDY.at("probes"),
        added_value=STUDY.at("added_value"),
        predictions=STUDY.at("probe_predictions"),
        decision=STUDY.at("probe_decision"),
        record=STUDY.at("probes_record"),
    log:
        STUDY.at("probes_log"),
    benchmark:
        STUDY.at("probes_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings=STUDY.settings("probes"),
        code=STUDY.code("probes"),
        subjects=json_text(list(STUDY.cohort.index)),
        test_set=STUDY.test_set.state,
    shell:
        "python -m ricenet probes --manifest {input.manifest:q} "
        "--validation {input.validation:q} --subjects {params.subjects:q} "
        "--features {input.features:q} --test-set {params.test_set:q} --probes {output.probes:q} "
        "--added-value {output.added_value:q} --predictions {output.predictions:q} "
        "--decision {output.decision:q} "
        "--record {output.record:q} --settings {params.settings:q} --log {log:q} --threads {threads}"


rule describe_cohort:
    """List errors by subgroups, wrong answers, and what is missing by class."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        validation=COHORT.validation_predictions(),
        test=COHORT.test_predictions(),
        features=COHORT.probe_features(),
    output:
        subgroups=STUDY.at("subgroups"),
        failures=STUDY.at("failures"),
        missingness=STUDY.at("missingness"),
        provenance=STUDY.at("label_provenance"),
        record=STUDY.at("description_record"),
    log:
        STUDY.at("describe_cohort_log"),
    benchmark:
        STUDY.at("describe_cohort_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("describe_cohort"),
        code=STUDY.code("describe_cohort"),
        labels=COHORT.label_provenance(),
        subjects=json_text(list(STUDY.cohort.index)),
        reference=STUDY.config.reference,
    shell:
        "python -m ricenet describe_cohort --manifest {input.manifest:q} "
        "--validation {input.validation:q} --test {input.test:q} "
        "--subjects {params.subjects:q} --features {input.features:q} "
        "--reference {params.reference:q} --labels {params.labels:q} "
        "--label-provenance {output.provenance:q} --subgroups {output.subgroups:q} "
        "--failures {output.failures:q} --missingness {output.missingness:q} "
        "--record {output.record:q} --settings {params.settings:q} --log {log:q} --threads {threads}"


rule near_duplicates:
    """Compare the brains of a cohort's subjects with each other."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        images=COHORT.reference_images(),
        masks=COHORT.brains(),
    output:
        table=STUDY.at("near_duplicates"),
        record=STUDY.at("near_duplicates_record"),
    log:
        STUDY.at("near_duplicates_log"),
    benchmark:
        STUDY.at("near_duplicates_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=STUDY.settings("near_duplicates"),
        code=STUDY.code("near_duplicates"),
        subjects=json_text(list(STUDY.cohort.index)),
    shell:
        "python -m ricenet near_duplicates --manifest {input.manifest:q} "
        "--subjects {params.subjects:q} --images {input.images:q} --masks {input.masks:q} "
        "--out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


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
        STUDY.at("compare_log"),
    benchmark:
        STUDY.at("compare_benchmark")
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

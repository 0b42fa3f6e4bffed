# REQUIRED INPUTS: the manifest of a cohort; the study's own validation predictions.
# OUTPUTS: cohorts/<cohort>/controls/<control>/..., whose file names all begin with control-;
# controls/control-metrics.tsv, control-summary.tsv. Trainings with permuted labels, other seeds or
# fewer subjects are no results: nothing but control_metrics reads them.


rule control_manifest:
    """List a control's subjects: labels permuted within folds, or a share of them; none to test."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
    output:
        table=STUDY.at("control_manifest"),
        record=STUDY.at("control_manifest_record"),
    log:
        STUDY.at("control_manifest_log"),
    benchmark:
        STUDY.at("control_manifest_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("control_manifest"),
        code=STUDY.code("control_manifest"),
    shell:
        "python -m ricenet control_manifest --manifest {input.manifest:q} "
        "--control {wildcards.control:q} --fold {wildcards.fold:q} "
        "--out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


use rule train_model as train_control with:
    input:
        manifest=rules.control_manifest.output.table,
        manifest_record=ancient(rules.control_manifest.output.record),
    output:
        model=STUDY.at("control_model"),
        history=STUDY.at("control_history"),
        predictions=STUDY.at("control_predictions"),
        record=STUDY.at("control_model_record"),
    log:
        STUDY.at("train_control_log"),
    benchmark:
        STUDY.at("train_control_benchmark")
    params:
        settings=CONTROLS.settings,
        code=STUDY.code("train_model"),


rule control_metrics:
    """Put the study's figures beside those of its controls: permuted labels, seeds, fewer subjects."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        observed=CONTROLS.observed(),
        controls=CONTROLS.predictions(),
    output:
        metrics=STUDY.at("control_metrics"),
        summary=STUDY.at("control_summary"),
        record=STUDY.at("control_metrics_record"),
    log:
        STUDY.at("control_metrics_log"),
    benchmark:
        STUDY.at("control_metrics_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("control_metrics"),
        code=STUDY.code("control_metrics"),
        of=json_text(CONTROLS.of()),
    shell:
        "python -m ricenet control_metrics --manifest {input.manifest:q} "
        "--observed {input.observed:q} --controls {input.controls:q} --of {params.of:q} "
        "--out {output.metrics:q} --summary {output.summary:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

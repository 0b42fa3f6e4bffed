# REQUIRED INPUTS: caches/<subject>.npy of every subject of the cohort, from preprocess.smk.
# The manifest's record is ancient: it holds times, and a manifest that came out the same must not
# train again.
# OUTPUTS: cohorts/<cohort>/manifest.tsv, the models, their predictions, the evaluation; and, when
# asked for, logs/device-check.json.


rule check_device:
    """Check whether the device that trains is right, how much fits, and how long the study takes."""
    output:
        f"{LOGS}/device-check.json",
    log:
        f"{LOGS}/device-check.log",
    benchmark:
        f"{BENCHMARKS}/device-check.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(32000),
        runtime=growing(120),
        gpu=1,
        gpu_mem_mb=STUDY.training_mb,
    params:
        settings=settings_of(STUDY.size()),
        code=module_hash(VERBS["check-device"].module),
    shell:
        "python -m ricenet check-device --study {params.settings:q} --out {output:q} "
        "--log {log:q} --threads {threads}"


rule manifest:
    """List a cohort's subjects with fold, label and the digest of their cache."""
    input:
        caches=STUDY.caches(STUDY.cohort.index),
    output:
        table=f"{COHORT}/manifest.tsv",
        record=f"{COHORT}/manifest.json",
    log:
        f"{LOGS}/{STUDY.cohort_name}/manifest.log",
    benchmark:
        f"{BENCHMARKS}/{STUDY.cohort_name}/manifest.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("manifest"),
        code=code_hash("manifest"),
        rows=STUDY.manifest_rows(),
    shell:
        "python -m ricenet manifest --caches {input.caches:q} --rows {params.rows:q} "
        "--out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule train_model:
    """Train the network of one input combination on all folds but one."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
    output:
        model=f"{COHORT}/{{ablation}}/fold-{{fold}}/model.safetensors",
        history=f"{COHORT}/{{ablation}}/fold-{{fold}}/history.tsv",
        predictions=f"{COHORT}/{{ablation}}/fold-{{fold}}/predictions.tsv",
        record=f"{COHORT}/{{ablation}}/fold-{{fold}}/model.json",
    log:
        f"{LOGS}/{STUDY.cohort_name}/{{ablation}}_fold-{{fold}}_train_model.log",
    benchmark:
        f"{BENCHMARKS}/{STUDY.cohort_name}/{{ablation}}_fold-{{fold}}_train_model.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(32000),
        runtime=2880,  # the next attempt goes on where this one stopped
        gpu=1,
        gpu_mem_mb=STUDY.training_mb,
    params:
        settings=STUDY.settings("train_model"),
        code=code_hash("train_model"),
    shell:
        "python -m ricenet train_model --manifest {input.manifest:q} "
        "--ablation {wildcards.ablation:q} --fold {wildcards.fold:q} --out {output.model:q} "
        "--history {output.history:q} --predictions {output.predictions:q} "
        "--record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule predict_test:
    """Ask the fold models of one input combination about the test subjects."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        models=STUDY.fold_models,
    output:
        table=f"{COHORT}/{{ablation}}/test-predictions.tsv",
        record=f"{COHORT}/{{ablation}}/test-predictions.json",
    log:
        f"{LOGS}/{STUDY.cohort_name}/{{ablation}}_predict_test.log",
    benchmark:
        f"{BENCHMARKS}/{STUDY.cohort_name}/{{ablation}}_predict_test.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(16000),
        runtime=growing(120),
        gpu=1,
    params:
        settings=STUDY.settings("predict"),
        code=code_hash("predict"),
    shell:
        "python -m ricenet predict --manifest {input.manifest:q} --models {input.models:q} "
        "--ablation {wildcards.ablation:q} --out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


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
        code=code_hash("evaluate"),
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
        code=code_hash("compare"),
    shell:
        "python -m ricenet compare --manifest {input.manifest:q} --mine {input.mine:q} "
        "--others {input.others:q} --out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

# REQUIRED INPUTS: the manifest of the cohort, from cohort.smk, and the caches that it lists.
# OUTPUTS: cohorts/<cohort>/<ablation>/fold-<k>/model.safetensors with its history and the predictions
# for the validation fold; and, on request, logs/device-check.json.


rule check_device:
    """Check whether the training device is correct, how much fits, and how long the study takes."""
    output:
        STUDY.at("device_check"),
    log:
        STUDY.at("check_device_log"),
    benchmark:
        STUDY.at("check_device_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(32000),
        runtime=growing(120),
        gpu=1,
        gpu_mem_mb=STUDY.training_mb,
    params:
        settings=json_text(STUDY.size()),
        code=module_hash(VERBS["check-device"].module, STUDY.network),
    shell:
        "python -m ricenet check-device --study {params.settings:q} --out {output:q} "
        "--log {log:q} --threads {threads}"


rule train_model:
    """Train the network of one input combination on all folds but one."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
    output:
        model=STUDY.at("model"),
        history=STUDY.at("history"),
        predictions=STUDY.at("validation_predictions"),
        record=STUDY.at("model_record"),
    log:
        STUDY.at("train_model_log"),
    benchmark:
        STUDY.at("train_model_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(32000),
        runtime=2880,  # the next attempt continues where this one stopped
        gpu=1,
        gpu_mem_mb=STUDY.training_mb,
    params:
        settings=STUDY.settings("train_model"),
        code=STUDY.code("train_model"),
    shell:
        "python -m ricenet train_model --manifest {input.manifest:q} "
        "--ablation {wildcards.ablation:q} --fold {wildcards.fold:q} --out {output.model:q} "
        "--history {output.history:q} --predictions {output.predictions:q} "
        "--record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

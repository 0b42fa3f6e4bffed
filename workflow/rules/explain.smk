# REQUIRED INPUTS: the models and the manifest of a cohort, from train.smk; cropped volumes.
# OUTPUTS: cohorts/<cohort>/<ablation>/occlusion/<subject>.nii.gz and .png.


rule occlusion_map:
    """Measure how the ensemble's probability changes when small cubes are hidden."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        models=STUDY.fold_models,
        mask=rules.crop.output.mask,
    output:
        map=f"{COHORT}/{{ablation}}/occlusion/{{subject}}.nii.gz",
        record=f"{COHORT}/{{ablation}}/occlusion/{{subject}}.json",
    log:
        f"{LOGS}/{STUDY.cohort_name}/{{ablation}}_{{subject}}_occlusion_map.log",
    benchmark:
        f"{BENCHMARKS}/{STUDY.cohort_name}/{{ablation}}_{{subject}}_occlusion_map.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(16000),
        runtime=growing(720),
        gpu=1,
    params:
        settings=STUDY.settings("occlusion_map"),
        code=code_hash("ricenet.occlusion_map"),
    shell:
        "python -m ricenet.occlusion_map --manifest {input.manifest:q} --models {input.models:q} "
        "--mask {input.mask:q} --ablation {wildcards.ablation:q} --subject {wildcards.subject:q} "
        "--out {output.map:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule occlusion_picture:
    """Draw an occlusion map over the MRI with isodose lines."""
    input:
        map=rules.occlusion_map.output.map,
        occlusion_record=rules.occlusion_map.output.record,
        images=rules.crop.output.images,
        mask=rules.crop.output.mask,
    output:
        picture=f"{COHORT}/{{ablation}}/occlusion/{{subject}}.png",
        record=f"{COHORT}/{{ablation}}/occlusion/{{subject}}_picture.json",
    log:
        f"{LOGS}/{STUDY.cohort_name}/{{ablation}}_{{subject}}_occlusion_picture.log",
    benchmark:
        f"{BENCHMARKS}/{STUDY.cohort_name}/{{ablation}}_{{subject}}_occlusion_picture.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("occlusion_picture"),
        code=code_hash("ricenet.occlusion_picture"),
        channels=STUDY.channels_text,
        kinds=STUDY.kinds_text,
        reference=STUDY.config.reference,
    shell:
        "python -m ricenet.occlusion_picture --map {input.map:q} "
        "--occlusion-record {input.occlusion_record:q} --images {input.images:q} "
        "--mask {input.mask:q} --channels {params.channels:q} --kinds {params.kinds:q} "
        "--reference {params.reference:q} --out {output.picture:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

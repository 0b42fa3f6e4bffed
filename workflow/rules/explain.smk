# REQUIRED INPUTS: the models and the manifest of a cohort, from train.smk; cropped volumes.
# OUTPUTS: cohorts/<cohort>/<ablation>/occlusion/<subject>.nii.gz, _channels.nii.gz, _native.nii.gz
# _cubes.safetensors and .png, cohorts/<cohort>/<ablation>/occlusion-summary.tsv,
# occlusion-statistics.tsv and dose-counterfactuals.tsv; of each further method of
# src/ricenet/study/explain_methods.py cohorts/<cohort>/<ablation>/<its folder>/; of each control
# cohorts/<cohort>/controls/<control>/<ablation>/occlusion/control-<subject>_cubes.safetensors.


rule occlusion_map:
    """Measure how the ensemble's probability changes when small cubes are hidden."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        models=COHORT.fold_models,
        mask=rules.crop.output.mask,
        opening=COHORT.before_a_test,
    output:
        map=STUDY.at("occlusion_map"),
        channel_maps=STUDY.at("occlusion_channel_maps"),
        record=STUDY.at("occlusion_map_record"),
    log:
        STUDY.at("occlusion_map_log"),
    benchmark:
        STUDY.at("occlusion_map_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(16000),
        runtime=growing(720),
        gpu=1,
    params:
        settings=EXPLAIN.settings,
        code=STUDY.code("occlusion_map"),
    shell:
        "python -m ricenet occlusion_map --manifest {input.manifest:q} --models {input.models:q} "
        "--mask {input.mask:q} --ablation {wildcards.ablation:q} --subject {wildcards.subject:q} "
        "--out {output.map:q} --channel-maps {output.channel_maps:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


# The command names no variable of the loop: Snakemake would fill in that of the last method.
for METHOD, ROW in explain_methods.further().items():

    rule:
        """Draw a map of a subject by an explanation method."""
        name:
            METHOD
        input:
            manifest=rules.manifest.output.table,
            manifest_record=ancient(rules.manifest.output.record),
            models=COHORT.fold_models,
            mask=rules.crop.output.mask,
            opening=COHORT.before_a_test,
        output:
            map=STUDY.at(METHOD),
            record=STUDY.at(f"{METHOD}_record"),
        log:
            STUDY.at(f"{METHOD}_log"),
        benchmark:
            STUDY.at(f"{METHOD}_benchmark")
        conda:
            "../../envs/torch.yaml"
        threads: ROW.threads
        resources:
            mem_mb=growing(ROW.memory_mb),
            runtime=growing(ROW.minutes),
            gpu=ROW.gpu,
        params:
            settings=STUDY.settings(METHOD),
            code=STUDY.code(METHOD),
            step=METHOD,
        shell:
            "python -m ricenet {params.step} --manifest {input.manifest:q} "
            "--models {input.models:q} --mask {input.mask:q} --ablation {wildcards.ablation:q} "
            "--subject {wildcards.subject:q} --out {output.map:q} --record {output.record:q} "
            "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule occlusion_cubes:
    """Ask each model about each hidden cube: what the statistics of maps are computed from."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        models=COHORT.fold_models,
        mask=rules.crop.output.mask,
        opening=COHORT.before_a_test,
    output:
        cubes=STUDY.at("occlusion_cubes"),
        record=STUDY.at("occlusion_cubes_record"),
    log:
        STUDY.at("occlusion_cubes_log"),
    benchmark:
        STUDY.at("occlusion_cubes_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(16000),
        runtime=growing(720),
        gpu=1,
    params:
        settings=STUDY.settings("occlusion_cubes"),
        code=STUDY.code("occlusion_cubes"),
    shell:
        "python -m ricenet occlusion_cubes --manifest {input.manifest:q} --models {input.models:q} "
        "--mask {input.mask:q} --ablation {wildcards.ablation:q} --subject {wildcards.subject:q} "
        "--out {output.cubes:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule occlusion_control:
    """Ask networks that cannot know about the same hidden cubes; no results."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        models=EXPLAIN.control_models,
        mask=rules.crop.output.mask,
        opening=COHORT.before_a_test,
    output:
        cubes=STUDY.at("control_cubes"),
        record=STUDY.at("control_cubes_record"),
    log:
        STUDY.at("occlusion_control_log"),
    benchmark:
        STUDY.at("occlusion_control_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(16000),
        runtime=growing(720),
        gpu=1,
    params:
        settings=STUDY.settings("occlusion_cubes"),
        code=STUDY.code("occlusion_cubes"),
    shell:
        "python -m ricenet occlusion_cubes --manifest {input.manifest:q} --models {input.models:q} "
        "--mask {input.mask:q} --ablation {wildcards.ablation:q} --subject {wildcards.subject:q} "
        "--control {wildcards.control:q} --out {output.cubes:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule occlusion_statistics:
    """Hold the maps of all test subjects against those of the controls and of other patients."""
    input:
        cubes=expand(rules.occlusion_cubes.output.cubes, **EXPLAIN.tested),
        control_cubes=EXPLAIN.control_cubes,
        images=expand(rules.crop.output.images, **EXPLAIN.tested),
        masks=expand(rules.crop.output.mask, **EXPLAIN.tested),
        ledgers=EXPLAIN.ledgers(),
    output:
        table=STUDY.at("occlusion_statistics"),
        record=STUDY.at("occlusion_statistics_record"),
    log:
        STUDY.at("occlusion_statistics_log"),
    benchmark:
        STUDY.at("occlusion_statistics_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=STUDY.settings("occlusion_statistics"),
        code=STUDY.code("occlusion_statistics"),
        subjects=json_text(STUDY.test_subjects),
        controls=EXPLAIN.controls_text,
        channels=STUDY.channels_text,
        kinds=STUDY.kinds_text,
        enhancement=STUDY.enhancement_text,
        quantity=STUDY.config.total_dose.quantity,
    shell:
        "python -m ricenet occlusion_statistics --subjects {params.subjects:q} "
        "--cubes {input.cubes:q} --controls {params.controls:q} "
        "--control-cubes {input.control_cubes:q} --images {input.images:q} "
        "--masks {input.masks:q} --ledgers {input.ledgers:q} "
        "--ablation {wildcards.ablation:q} --channels {params.channels:q} --kinds {params.kinds:q} "
        "--enhancement {params.enhancement:q} --quantity {params.quantity:q} "
        "--out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule occlusion_native:
    """Resample an occlusion map to the voxels of the native reference image."""
    input:
        map=rules.occlusion_map.output.map,
        native=STUDY.at("native", channel=STUDY.config.reference),
    output:
        map=STUDY.at("occlusion_native"),
        record=STUDY.at("occlusion_native_record"),
    log:
        STUDY.at("occlusion_native_log"),
    benchmark:
        STUDY.at("occlusion_native_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("occlusion_native"),
        code=STUDY.code("occlusion_native"),
    shell:
        "python -m ricenet occlusion_native --map {input.map:q} --native {input.native:q} "
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
        picture=STUDY.at("occlusion_picture"),
        record=STUDY.at("occlusion_picture_record"),
    log:
        STUDY.at("occlusion_picture_log"),
    benchmark:
        STUDY.at("occlusion_picture_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("occlusion_picture"),
        code=STUDY.code("occlusion_picture"),
        channels=STUDY.channels_text,
        kinds=STUDY.kinds_text,
        reference=STUDY.config.reference,
    shell:
        "python -m ricenet occlusion_picture --map {input.map:q} "
        "--occlusion-record {input.occlusion_record:q} --images {input.images:q} "
        "--mask {input.mask:q} --channels {params.channels:q} --kinds {params.kinds:q} "
        "--reference {params.reference:q} --out {output.picture:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule occlusion_summary:
    """Measure where the test subjects' maps have their importance, against shifted maps."""
    input:
        maps=expand(rules.occlusion_map.output.map, **EXPLAIN.tested),
        channel_maps=expand(rules.occlusion_map.output.channel_maps, **EXPLAIN.tested),
        map_records=expand(rules.occlusion_map.output.record, **EXPLAIN.tested),
        images=expand(rules.crop.output.images, **EXPLAIN.tested),
        masks=expand(rules.crop.output.mask, **EXPLAIN.tested),
        ledgers=EXPLAIN.ledgers(),
    output:
        table=STUDY.at("occlusion_summary"),
        record=STUDY.at("occlusion_summary_record"),
    log:
        STUDY.at("occlusion_summary_log"),
    benchmark:
        STUDY.at("occlusion_summary_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=STUDY.settings("occlusion_summary"),
        code=STUDY.code("occlusion_summary"),
        subjects=json_text(STUDY.test_subjects),
        channels=STUDY.channels_text,
        kinds=STUDY.kinds_text,
        enhancement=STUDY.enhancement_text,
        quantity=STUDY.config.total_dose.quantity,
    shell:
        "python -m ricenet occlusion_summary --subjects {params.subjects:q} --maps {input.maps:q} "
        "--channel-maps {input.channel_maps:q} --map-records {input.map_records:q} "
        "--images {input.images:q} --masks {input.masks:q} --ledgers {input.ledgers:q} "
        "--ablation {wildcards.ablation:q} --channels {params.channels:q} --kinds {params.kinds:q} "
        "--enhancement {params.enhancement:q} --quantity {params.quantity:q} --out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule dose_counterfactual:
    """Predict the test subjects with other doses."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        models=COHORT.fold_models,
        masks=expand(rules.crop.output.mask, **EXPLAIN.tested),
        opening=COHORT.before_a_test,
    output:
        table=STUDY.at("dose_counterfactual"),
        record=STUDY.at("dose_counterfactual_record"),
    log:
        STUDY.at("dose_counterfactual_log"),
    benchmark:
        STUDY.at("dose_counterfactual_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(16000),
        runtime=growing(120),
        gpu=1,
    params:
        settings=STUDY.settings("dose_counterfactual"),
        code=STUDY.code("dose_counterfactual"),
        subjects=json_text(STUDY.test_subjects),
        dose_scaling=STUDY.config.cache.dose_scaling,
    shell:
        "python -m ricenet dose_counterfactual --manifest {input.manifest:q} "
        "--models {input.models:q} --subjects {params.subjects:q} --masks {input.masks:q} "
        "--ablation {wildcards.ablation:q} "
        "--dose-scaling {params.dose_scaling:q} --out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

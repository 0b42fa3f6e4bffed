# REQUIRED INPUTS: the raw series and doses that the subjects table names (DICOM or NIfTI).
# They are params with a digest and not inputs: dates of raw files do not count, a copied archive
# must not run everything again, and one path that is missing stops its own patient only.
# OUTPUTS: subjects/<subject>/<channel>_native.nii.gz, with a record beside each, and timeline.json.


rule ingest_mri:
    """Read a DICOM series or a NIfTI file into a volume with exact geometry."""
    output:
        image=STUDY.at("native", channel="{mri}"),
        record=STUDY.at("native_record", channel="{mri}"),
    log:
        STUDY.at("ingest_mri_log", channel="{mri}"),
    benchmark:
        STUDY.at("ingest_mri_benchmark", channel="{mri}")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(2500),
        runtime=growing(10),
    params:
        settings=STUDY.settings("ingest_mri"),
        code=STUDY.code("ingest_mri"),
        raw=STUDY.raw.path,
        raw_digest=STUDY.raw.digest,
        series=STUDY.raw.series,
    shell:
        "python -m ricenet ingest_mri --raw {params.raw:q} --series={params.series:q} "
        "--image {wildcards.mri:q} --out {output.image:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q}"


rule ingest_dose:
    """Read a radiotherapy dose in Gy, with the ledger of how it becomes the course total."""
    output:
        image=STUDY.at("native", channel="{dose}"),
        record=STUDY.at("native_record", channel="{dose}"),
    log:
        STUDY.at("ingest_dose_log", channel="{dose}"),
    benchmark:
        STUDY.at("ingest_dose_benchmark", channel="{dose}")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("ingest_dose"),
        code=STUDY.code("ingest_dose"),
        raw=STUDY.raw.path,
        raw_digest=STUDY.raw.digest,
        row=STUDY.raw.dose_row,
    shell:
        "python -m ricenet ingest_dose --raw {params.raw:q} --row {params.row:q} "
        "--out {output.image:q} --record {output.record:q} --settings {params.settings:q} "
        "--log {log:q}"


rule ingest_mask:
    """Read an outline into a mask on the voxels of the image that it was drawn on."""
    input:
        image=PREPROCESS.mask_image,
        image_record=PREPROCESS.mask_image_record,
    output:
        image=STUDY.at("native", channel="{mask}"),
        record=STUDY.at("native_record", channel="{mask}"),
    log:
        STUDY.at("ingest_mask_log", channel="{mask}"),
    benchmark:
        STUDY.at("ingest_mask_benchmark", channel="{mask}")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(2500),
        runtime=growing(10),
    params:
        settings=STUDY.settings("ingest_mask"),
        code=STUDY.code("ingest_mask"),
        raw=STUDY.raw.path,
        raw_digest=STUDY.raw.digest,
        image_raw=STUDY.raw.image_path,
        row=STUDY.raw.mask_row,
    shell:
        "python -m ricenet ingest_mask --raw {params.raw:q} --image-raw {params.image_raw:q} "
        "--image {input.image:q} --image-record {input.image_record:q} --row {params.row:q} "
        "--out {output.image:q} --record {output.record:q} --settings {params.settings:q} "
        "--log {log:q}"


rule timeline:
    """Compare identity and order in time of a subject's raw images and doses."""
    output:
        record=STUDY.at("timeline_record"),
    log:
        STUDY.at("timeline_log"),
    benchmark:
        STUDY.at("timeline_benchmark")
    conda:
        "../../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("timeline"),
        code=STUDY.code("timeline"),
        images=STUDY.raw.image_paths,
        doses=STUDY.raw.dose_paths,
        names=STUDY.raw.image_names,
        dose_names=json.dumps(STUDY.dose),
        series=STUDY.raw.all_series,
        raw_digest=STUDY.raw.all_digests,
    shell:
        "python -m ricenet timeline --images {params.images:q} --doses {params.doses:q} "
        "--names {params.names:q} --dose-names {params.dose_names:q} --series {params.series:q} "
        "--record {output.record:q} --settings {params.settings:q} --log {log:q}"

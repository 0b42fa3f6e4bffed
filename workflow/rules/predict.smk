# REQUIRED INPUTS: manifest and models of a cohort. The test subjects are those of the manifest; all
# others are subjects without a label, or any outside the cohort whose file is requested by name: for
# them the models are taken as they are, and nothing here trains (src/ricenet/study/predict_files.py).
# OUTPUTS: cohorts/<cohort>/<ablation>/test-predictions.tsv; for the others
# cohorts/<cohort>/predictions/<subject>/prediction.json, the table of all, occlusion maps.


rule predict_test:
    """Predict the test subjects with the fold models of one input combination."""
    input:
        manifest=rules.manifest.output.table,
        manifest_record=ancient(rules.manifest.output.record),
        models=COHORT.fold_models,
        opening=COHORT.before_a_test,
    output:
        table=STUDY.at("test_predictions"),
        record=STUDY.at("test_predictions_record"),
    log:
        STUDY.at("predict_test_log"),
    benchmark:
        STUDY.at("predict_test_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        mem_mb=growing(16000),
        runtime=growing(120),
        gpu=1,
    params:
        settings=STUDY.settings("predict"),
        code=STUDY.code("predict"),
    shell:
        "python -m ricenet predict --manifest {input.manifest:q} --models {input.models:q} "
        "--ablation {wildcards.ablation:q} --out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule arrival:
    """List a new subject for the models of a finished cohort."""
    input:
        cohort=PREDICT.file("manifest"),
        cohort_record=ancient(PREDICT.file("manifest_record")),
        cache=rules.cache.output.array,
        cache_record=rules.cache.output.record,
    output:
        table=STUDY.at("arrival"),
        record=STUDY.at("arrival_record"),
    log:
        STUDY.at("arrival_log"),
    benchmark:
        STUDY.at("arrival_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("arrival"),
        code=STUDY.code("arrival"),
    shell:
        "python -m ricenet arrival --cohort {input.cohort:q} "
        "--cohort-record {input.cohort_record:q} --cache {input.cache:q} "
        "--cache-record {input.cache_record:q} --subject {wildcards.subject:q} "
        "--out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


use rule predict_test as predict_arrival with:
    input:
        manifest=rules.arrival.output.table,
        manifest_record=ancient(rules.arrival.output.record),
        models=PREDICT.models,
    output:
        table=STUDY.at("arrival_predictions"),
        record=STUDY.at("arrival_predictions_record"),
    log:
        STUDY.at("predict_arrival_log"),
    benchmark:
        STUDY.at("predict_arrival_benchmark")


rule vote:
    """Join the ensembles' predictions for a subject: votes and mean probability."""
    input:
        manifest_record=rules.arrival.output.record,
        tables=PREDICT.tables,
        validation=PREDICT.out_of_fold(),
    output:
        answer=STUDY.at("prediction"),
        record=STUDY.at("vote_record"),
    log:
        STUDY.at("vote_log"),
    benchmark:
        STUDY.at("vote_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("vote"),
        code=STUDY.code("vote"),
        cohort=STUDY.cohort_name,
        alphas=json_text(STUDY.config.calibrate.conformal_alpha),
    shell:
        "python -m ricenet vote --manifest-record {input.manifest_record:q} "
        "--tables {input.tables:q} --validation {input.validation:q} "
        "--subject {wildcards.subject:q} --cohort {params.cohort:q} --alphas {params.alphas:q} "
        "--out {output.answer:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


rule predictions:
    """Collect the predictions for all new subjects in one table."""
    input:
        answers=PREDICT.answers(),
    output:
        table=STUDY.at("predictions"),
        record=STUDY.at("predictions_record"),
    log:
        STUDY.at("predictions_log"),
    benchmark:
        STUDY.at("predictions_benchmark")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=STUDY.settings("predictions"),
        code=STUDY.code("predictions"),
    shell:
        "python -m ricenet predictions --answers {input.answers:q} "
        "--out {output.table:q} --record {output.record:q} "
        "--settings {params.settings:q} --log {log:q} --threads {threads}"


use rule occlusion_map as occlusion_arrival with:
    input:
        manifest=rules.arrival.output.table,
        manifest_record=ancient(rules.arrival.output.record),
        models=PREDICT.models,
        mask=rules.crop.output.mask,
    output:
        map=STUDY.at("arrival_occlusion_map"),
        channel_maps=STUDY.at("arrival_occlusion_channel_maps"),
        record=STUDY.at("arrival_occlusion_map_record"),
    log:
        STUDY.at("occlusion_arrival_log"),
    benchmark:
        STUDY.at("occlusion_arrival_benchmark")


use rule occlusion_picture as picture_arrival with:
    input:
        map=rules.occlusion_arrival.output.map,
        occlusion_record=rules.occlusion_arrival.output.record,
        images=rules.crop.output.images,
        mask=rules.crop.output.mask,
    output:
        picture=STUDY.at("arrival_occlusion_picture"),
        record=STUDY.at("arrival_occlusion_picture_record"),
    log:
        STUDY.at("picture_arrival_log"),
    benchmark:
        STUDY.at("picture_arrival_benchmark")

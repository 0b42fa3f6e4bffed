# RICE-NET: from DICOM to a report. The steps are programs in src/ricenet; the rules say what
# depends on what. `snakemake -n` shows the plan, README.md explains the targets.

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.report.output.page,


rule preprocess:
    input:
        STUDY.caches(STUDY.subjects.index),
        STUDY.overviews(STUDY.subjects.index),


rule train:
    input:
        STUDY.models(),


rule explain:
    input:
        STUDY.occlusion_pictures(),


localrules:
    all,
    preprocess,
    train,
    explain,

# RICE-NET: from DICOM to a report. The steps are programs in src/ricenet; the rules define what
# depends on what. `snakemake -n` shows the plan, README.md explains the targets.

import gc
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

# Planning makes hundreds of objects a job, which all live to the end. The garbage collector, which
# walks over them again and again, took a fifth of the time.
gc.set_threshold(100_000, 50, 100)

SOURCE = Path(workflow.basedir, "src")
sys.path.insert(0, str(SOURCE))

from ricenet.study.scheduling import stop_alarms
from ricenet.config.yaml_limits import require_plain

# Before its YAML aliases are expanded.
require_plain(Path("config/config.yaml"))


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/cohort.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.report.output.page,
        PREPROCESS.caches(STUDY.subjects.index),
        PREPROCESS.overviews(STUDY.subjects.index),


rule preprocess:
    input:
        PREPROCESS.caches(STUDY.subjects.index),
        PREPROCESS.overviews(STUDY.subjects.index),


rule train:
    input:
        COHORT.models(),


rule explain:
    input:
        EXPLAIN.pictures(),
        EXPLAIN.files(),


rule predict:
    input:
        PREDICT.results(),
        PREPROCESS.overviews(PREDICT.subjects()),


localrules:
    all,
    predict,
    preprocess,
    train,
    explain,


onstart:
    stop_alarms(workflow)


onsuccess:
    show(STUDY)


onerror:
    show(STUDY)

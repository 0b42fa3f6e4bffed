# RICE-NET: from DICOM to a report. The steps are programs in src/ricenet; the rules define what
# depends on what. `snakemake -n` shows the plan, README.md explains the targets.

import gc
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")

# Planning makes hundreds of objects a job, which all live to the end. The garbage collector, which
# walks over them again and again, took a fifth of the time.
gc.set_threshold(100_000, 50, 100)

# The folder of this file, also where another workflow uses it as a module.
SOURCE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True), "src")
if not (SOURCE / "ricenet").is_dir():
    raise WorkflowError(
        "RICE-NET runs from a clone: clone the repository and name the Snakefile in it by its path"
    )
sys.path.insert(0, str(SOURCE))

from ricenet.config.settings_files import DEFAULTS
from ricenet.config.yaml_limits import require_plain
from ricenet.study import installation
from ricenet.study.scheduling import stop_alarms

installation.prepare_jobs(workflow, shell, SOURCE)
IS_MAIN = installation.is_main(workflow)

# Where the run is started: the defaults, in a clone; elsewhere a study's own settings, if at all.
if IS_MAIN and DEFAULTS.is_file():
    # before anybody builds what its aliases multiply
    require_plain(DEFAULTS)

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/cohort.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: IS_MAIN
    input:
        rules.report.output.page,
        PREPROCESS.caches(STUDY.subjects.index),
        PREPROCESS.overviews(STUDY.subjects.index),
    localrule: True


rule preprocess:
    input:
        PREPROCESS.caches(STUDY.subjects.index),
        PREPROCESS.overviews(STUDY.subjects.index),
    localrule: True


rule train:
    input:
        COHORT.all_models,
    localrule: True


rule controls:
    input:
        CONTROLS.asked,
    localrule: True


rule explain:
    input:
        EXPLAIN.asked,
    localrule: True


rule predict:
    input:
        PREDICT.asked,
        PREPROCESS.overviews(PREDICT.subjects()),
    localrule: True


onstart:
    stop_alarms(workflow)


onsuccess:
    show(STUDY)


onerror:
    show(STUDY)

# Tables, settings, wildcards. No rule here: each file of rules lists what it needs and makes.

import json
from pathlib import Path

from ricenet.cli import VERBS
from ricenet.config.config import json_text
from ricenet.config.settings_files import completed
from ricenet.study import explain_methods, job_files, layout, notices, silent_ends
from ricenet.study.cohort_files import CohortFiles
from ricenet.study.control_files import ControlFiles
from ricenet.study.explain_files import ExplainFiles
from ricenet.study.predict_files import PredictFiles
from ricenet.study.preprocess_files import PreprocessFiles
from ricenet.provenance import digests
from ricenet.provenance.steps import module_hash
from ricenet.study.resources import growing as growing_with_attempts
from ricenet.report import statements
from ricenet.report.status import show
from ricenet.study.study import Study

with notices.errors_without_traceback():
    STUDY = Study(
        completed(config),
        memory=Path(".snakemake/ricenet-raw-digests.json"),
        files=[Path(file) for file in workflow.configfiles],
    )
    installation.require_unmoved(workflow, STUDY.at("report"))
notices.of_planning(workflow, STUDY.notices)
PREPROCESS = PreprocessFiles(STUDY)
COHORT = CohortFiles(STUDY)
CONTROLS = ControlFiles(STUDY)
PREDICT = PredictFiles(STUDY)
EXPLAIN = ExplainFiles(STUDY)
REPORTED = COHORT.reported()  # read off the disk: once, or two rules may differ

silent_ends.watch(Path(STUDY.root, job_files.LOGS))

# Only a cluster's scheduler kills jobs for their memory or time. Elsewhere nothing has to
# grow with the attempt, and a number is planned faster than a call.
growing = growing_with_attempts if workflow.nodes else int


wildcard_constraints:
    **layout.NAMES,
    mri=STUDY.mri_pattern,
    dose=STUDY.dose_pattern,
    mask=STUDY.mask_pattern,
    target=layout.CHANNEL,

"""Former name of ``ricenet freeze``."""

import sys

from ricenet.cli import former

former("freeze_cohort", "freeze", sys.argv[1:])

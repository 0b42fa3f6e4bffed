"""Former name of ``ricenet explain-dose``."""

import sys

from ricenet.cli import former

words = [word for word in sys.argv[1:] if word != "--explain"]
former("ingest_dose --explain", "explain-dose", words)

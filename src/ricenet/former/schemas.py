"""Former name of ``ricenet schemas``."""

import sys

from ricenet.cli import former

former("schemas", "schemas", sys.argv[1:])

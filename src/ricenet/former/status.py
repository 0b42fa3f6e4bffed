"""Former name of ``ricenet status``."""

import sys

from ricenet.cli import former

former("status", "status", sys.argv[1:])

"""Former name of ``ricenet scan``; goes with version 0.3."""

import sys

from ricenet.cli import former

former("scan", "scan", sys.argv[1:])

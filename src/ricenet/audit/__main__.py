"""Former name of ``ricenet verify|why|diff|export``; goes with version 0.3."""

import sys

from ricenet.cli import former

former("audit", (sys.argv[1:2] or ["--help"])[0], sys.argv[2:])

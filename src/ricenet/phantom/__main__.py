"""Former name of ``ricenet phantom``; goes with version 0.3."""

import sys

from ricenet.cli import former

former("phantom", "phantom", sys.argv[1:])

"""Former name of ``ricenet leftovers``."""

import sys

from ricenet.cli import former

former("leftovers", "leftovers", sys.argv[1:])

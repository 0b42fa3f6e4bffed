"""Former name of ``ricenet check``."""

import sys

from ricenet.cli import former

former("yaml_limits", "check", sys.argv[1:])

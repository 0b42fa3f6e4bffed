"""Former name of ``ricenet check-device``."""

import sys

from ricenet.cli import former

former("check_device", "check-device", sys.argv[1:])

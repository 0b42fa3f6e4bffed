"""``python -m ricenet``: see :mod:`ricenet.cli`."""

from ricenet.cli import main

main()

"""The audit: proof that every file is what its record says, and follows from the raw data.

The rule ``audit`` collects all records and checks (:mod:`ricenet.audit.collect`);
``python -m ricenet.audit verify|why|diff|export`` is for people, see ``docs/audit.md``.
"""

from ricenet.audit.collect import main

__all__ = ["main"]

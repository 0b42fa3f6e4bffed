"""What makes a function a program of the workflow: arguments, staged outputs, a record."""

from ricenet.step.check import Check, not_made, passes, write
from ricenet.step.checks import checked
from ricenet.step.failure import SHOWN
from ricenet.step.failure import note_of as failure_note
from ricenet.step.job import Job

__all__ = ["SHOWN", "Check", "Job", "checked", "failure_note", "not_made", "passes", "write"]

"""What makes a function a program of the workflow: arguments, staged outputs, a record."""

from ricenet.step.job import SHOWN, Job, checked, failure_note

__all__ = ["SHOWN", "Job", "checked", "failure_note"]

"""The audit: proof that every file agrees with its record, and follows from the raw data.

The step ``audit`` collects all records and checks (:mod:`ricenet.audit.collect`);
``ricenet verify|why|diff|export`` are for people, see ``docs/audit.md``.
"""

"""RICE-NET: tumour recurrence or radiation-induced contrast enhancement, from MRI and dose."""

__version__ = "0.1.0"

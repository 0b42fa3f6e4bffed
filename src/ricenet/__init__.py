"""RICE-NET: tumour recurrence or radiation-induced contrast enhancement, from MRI and dose."""

from pathlib import Path

__version__ = "0.1.0"
# python -m ricenet.<former name> works until version 0.3, see the folder
__path__.append(str(Path(__file__).parent / "former"))

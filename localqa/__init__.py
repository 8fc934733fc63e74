"""Local extractive question answering: one quantized base, many small adapters."""

__version__ = "0.1.0"

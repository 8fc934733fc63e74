"""The data: records, readers and writers, checks and repairs, EM/F1. Imports neither torch nor Flask."""

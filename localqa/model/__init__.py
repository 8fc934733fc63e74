"""The weights: bases (resolve, verify), quantization, adapters (create, load, save, merge)."""

"""The weights: bases (resolve, verify), quantization, adapters (create, load, save, merge)."""

import logging

# peft imports bitsandbytes, which warns at every import that an optional kernel from the Hub is missing.
logging.getLogger("bitsandbytes.backends").setLevel(logging.ERROR)

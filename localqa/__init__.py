"""Local extractive question answering: one quantized base, many small adapters."""

import logging
import os

from localqa.privacy import keep_to_this_machine

# First of all, before any library beneath can be imported.
keep_to_this_machine()

# peft imports bitsandbytes, which warns at every import that an optional kernel from the Hub is missing.
logging.getLogger("bitsandbytes.backends").setLevel(logging.ERROR)

# torch asks the kernel for huge pages when this is set before its first tensor: a batch then costs a
# few page faults instead of thousands (a third of the time of an answer on a CPU).
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__version__ = "0.1.0"

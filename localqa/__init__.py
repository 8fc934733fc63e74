"""Local extractive question answering: one quantized base, many small adapters."""

import logging
import os
from typing import TYPE_CHECKING, Any

from localqa.privacy import keep_to_this_machine

# First of all, before any library beneath can be imported.
keep_to_this_machine()

# peft imports bitsandbytes, which warns at every import that an optional kernel from the Hub is missing.
logging.getLogger("bitsandbytes.backends").setLevel(logging.ERROR)

# torch asks the kernel for huge pages when this is set before its first tensor: a batch then costs a
# few page faults instead of thousands (a third of the time of an answer on a CPU).
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from localqa.bert_qa import BertQA as BertQA
    from localqa.extraction.answers import Answer as Answer


def __getattr__(name: str) -> Any:
    """`BertQA` and `Answer`, loaded when they are asked for: most of the package needs neither.

    Raises:
        AttributeError: there is no such name.
    """
    if name in ("Answer", "BertQA"):
        from localqa import bert_qa

        return getattr(bert_qa, name)
    raise AttributeError(f"module 'localqa' has no attribute '{name}'")

"""A saved adapter read back into torch, as a run judges and calibrates by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded
from localqa.extraction.windows import Windower
from localqa.model.adapters import load_adapter
from localqa.model.bases import Base, resolve_base
from localqa.model.loading import load_base_of
from localqa.squad.records import Example
from localqa.training.validate import predict


@dataclass(frozen=True, slots=True)
class SavedAdapter:
    """What an adapter's folder holds: the model over its base, its settings, and the windows they ask for."""

    name: str
    base: Base
    config: QAConfig
    model: nn.Module
    windower: Windower

    @classmethod
    def load(cls, folder: Path, base: Base | None = None) -> "SavedAdapter":
        """Read an adapter.

        Args:
            folder: of the adapter.
            base: that it was trained on; None: the one that its settings name.

        Raises:
            AdapterError: damaged, or made for another base.
            BaseModelError: its base is not here.
        """
        config = QAConfig.load(folder)
        base = base or resolve_base(config.base)
        model = load_adapter(load_base_of(folder, base), folder).eval()
        windower = Windower.from_folder(base.folder, max_length=config.max_length, stride=config.stride)
        return cls(folder.name, base, config, model, windower)

    def predict(self, examples: Sequence[Example], *, description: str = "", top_k: int = 1) -> list[Decoded]:
        """Decoded logits of each example, with a progress bar of that title."""
        return predict(
            self.model,
            examples,
            windower=self.windower,
            config=self.config,
            description=description or self.name,
            top_k=top_k,
        )

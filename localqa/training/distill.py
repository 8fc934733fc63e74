"""Learning from a larger adapter: what a teacher thinks of each token, computed once and kept on disk.

The student learns the teacher's distributions over start and end beside the gold labels (Hinton et al.
2015). They say which wrong spans are nearly right, which a single gold span does not.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from tqdm import tqdm

from localqa.config import cache_dir
from localqa.engine.choosing import make_engine
from localqa.engine.running import Engine
from localqa.errors import AdapterNotFoundError, ConfigError
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Window, Windower
from localqa.model.adapter_files import named_adapter
from localqa.model.bases import file_sha256, resolve_base
from localqa.model.snapshot import AdapterFiles
from localqa.squad.records import Example
from localqa.training.features import Feature, SoftLabels
from localqa.training.processor import training_device

_CHUNK = 1024
"""Windows whose labels are computed and written at a time."""
_LONGEST = 512
"""Tokens that a teacher reads at once, where its base sets no limit below it."""
_TEACHER = "teacher"
"""What the engine knows it by."""


def with_soft_labels(
    features: Sequence[Feature], examples: Sequence[Example], teacher: str, temperature: float
) -> list[Feature]:
    """The features, each with the teacher's distributions where the teacher can read its whole window.

    The labels are kept in the cache folder: a run that was ended goes on where it stopped, and the
    next student of the same teacher and data starts at once.

    Args:
        features: of `examples`, in their order.
        examples: where the features' texts come from.
        teacher: name or folder of the teacher's adapter.
        temperature: divides the teacher's logits; higher is softer.

    Raises:
        AdapterError: the teacher's folder is damaged.
        BaseModelError: its base is not on this machine.
        ConfigError: the teacher is no adapter folder.
    """
    lazy = _Teacher(teacher_folder(teacher))
    done: list[Feature] = []
    with tqdm(total=len(features), desc="teacher", unit="window", disable=None) as bar:
        for at in range(0, len(features), _CHUNK):
            chunk = features[at : at + _CHUNK]
            texts = [_texts(feature, examples) for feature in chunk]
            labels = _cached(lazy, texts, chunk, temperature)
            done += [replace(feature, soft=soft) for feature, soft in zip(chunk, labels, strict=True)]
            bar.update(len(chunk))
    return done


def teacher_sha256(teacher: str) -> str:
    """Checksum of a teacher's weights.

    Raises:
        ConfigError: the teacher is no adapter folder.
    """
    return _Teacher(teacher_folder(teacher)).sha256


def teacher_folder(teacher: str) -> Path:
    """Where a teacher lies. Raises ConfigError where there is none."""
    try:
        return named_adapter(teacher)
    except AdapterNotFoundError as e:
        raise ConfigError(
            f"There is no adapter folder '{teacher}' for --teacher. {e.message}",
            remedy="Name a trained adapter, such as squad2-large, or its folder.",
        ) from e


def _texts(feature: Feature, examples: Sequence[Example]) -> tuple[str, str]:
    """The question, and the stretch of the context that the window shows."""
    example = examples[feature.example]
    offsets = feature.window.offsets
    return example.question, example.context[offsets[0, 0] : offsets[-1, 1]] if len(offsets) else ""


class _Teacher:
    """A teacher that is loaded when the first label is not in the cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        weights = sorted(folder.glob("*.safetensors"))
        self.sha256 = "".join(file_sha256(file) for file in weights)
        self._loaded: tuple[Engine, Windower] | None = None

    def logits(self, texts: Sequence[tuple[str, str]]) -> Iterator[tuple[Window, NDArray[np.float32]] | None]:
        """Window and logits, shape (2, T), of each text; None where the teacher needs several windows."""
        engine, windower = self._load()
        groups = windower.windows(texts)
        readable = [group[0] for group in groups if len(group) == 1]
        results = iter(zip(readable, engine.run(readable, _TEACHER), strict=True))
        for group in groups:
            if len(group) > 1:
                yield None
            else:
                window, logits = next(results)
                yield window, np.stack(logits)

    def _load(self) -> tuple[Engine, Windower]:
        if self._loaded is None:
            config = QAConfig.load(self.folder)
            base = resolve_base(config.base)
            # On a processor what serves fastest labels fastest; it knows of no GPU.
            engine = make_engine(base, config, engine="auto" if training_device().type == "cpu" else "torch")
            engine.load_adapter(_TEACHER, AdapterFiles(self.folder))
            # Windows of a teacher with other special tokens may be a few tokens longer than the student's.
            longest = min(engine.max_tokens or _LONGEST, _LONGEST)
            self._loaded = engine, Windower.from_folder(base.folder, max_length=longest)
        return self._loaded


def _cached(
    teacher: _Teacher, texts: Sequence[tuple[str, str]], features: Sequence[Feature], temperature: float
) -> list[SoftLabels | None]:
    key = hashlib.sha256(repr((teacher.sha256, temperature, texts)).encode())
    for feature in features:
        key.update(feature.window.input_ids.tobytes())
    file = cache_dir() / "teacher" / f"{key.hexdigest()[:32]}.safetensors"
    try:
        return _unpacked(load_file(file)["labels"], features)
    except (OSError, SafetensorError, KeyError):
        pass
    pairs = zip(teacher.logits(texts), features, strict=True)
    labels = [one and soft_labels(*one, feature.window, temperature) for one, feature in pairs]
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    save_file({"labels": _packed(labels, features)}, partial)
    partial.replace(file)
    return labels


def soft_labels(read: Window, logits: NDArray[np.float32], window: Window, temperature: float) -> SoftLabels:
    """A teacher's logits as distributions over a student's window.

    The tokenizers may differ: the probability that the answer starts with a teacher's token goes to the
    student's token that holds its first character, that of its end to the one that holds its last.

    Args:
        read: the teacher's only window over the text that the student's window shows.
        logits: the teacher's start and end logits, shape (2, T).
        window: the student's window.
        temperature: divides the logits.

    Returns distributions over the null position and the student's C context tokens, shape (C + 1,) each.
    """
    inside = slice(read.context_at, read.context_at + len(read.offsets))
    kept = np.concatenate([logits[:, :1], logits[:, inside]], axis=1) / temperature
    probabilities = np.exp(kept - kept.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    soft = np.zeros((2, len(window.offsets) + 1), dtype=np.float32)
    soft[:, 0] = probabilities[:, 0]
    if len(window.offsets):
        shift = window.offsets[0, 0]
        starts = np.searchsorted(window.offsets[:, 1] - shift, read.offsets[:, 0], side="right")
        ends = np.searchsorted(window.offsets[:, 0] - shift, read.offsets[:, 1], side="left") - 1
        last = len(window.offsets) - 1
        np.add.at(soft[0], 1 + np.clip(starts, 0, last), probabilities[0, 1:])
        np.add.at(soft[1], 1 + np.clip(ends, 0, last), probabilities[1, 1:])
    return SoftLabels(soft[0], soft[1])


def _packed(labels: Sequence[SoftLabels | None], features: Sequence[Feature]) -> NDArray[np.float16]:
    """All labels in a row; those that are missing as zeros."""
    rows: list[NDArray[np.float32]] = []
    for one, feature in zip(labels, features, strict=True):
        size = len(feature.window.offsets) + 1
        rows += [one.start, one.end] if one else [np.zeros(size, dtype=np.float32)] * 2
    return np.concatenate(rows).astype(np.float16)


def _unpacked(packed: NDArray[np.float16], features: Sequence[Feature]) -> list[SoftLabels | None]:
    labels: list[SoftLabels | None] = []
    at = 0
    for feature in features:
        size = len(feature.window.offsets) + 1
        start, end = packed[at : at + 2 * size].astype(np.float32).reshape(2, size)
        labels.append(SoftLabels(start, end) if start.any() else None)
        at += 2 * size
    return labels

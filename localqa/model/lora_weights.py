"""A LoRA adapter's matrices as NumPy arrays, checked against the base before anything runs with them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localqa.errors import AdapterError
from localqa.extraction.settings_file import is_number, is_whole, parse_object, wrong_value
from localqa.model.adapter_files import HEAD, LORA_FILE, LORA_SETTINGS
from localqa.model.snapshot import AdapterFiles
from localqa.model.tensor_file import TensorInfo, as_float32, check_kind

Array = NDArray[np.float32]
PEFT_PREFIX: Final = "base_model.model."
HEAD_TENSORS: Final = (f"{PEFT_PREFIX}{HEAD}.weight", f"{PEFT_PREFIX}{HEAD}.bias")
MOST_RANK: Final = 1024
LARGEST: Final = float(np.finfo(np.float16).max)
"""Of a weight, and of a change to a weight of the base: no training ends beyond what its files can hold."""
# What peft can do and this reader does not know would change the weights without a word.
_UNKNOWN: Final = (
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "alpha_pattern",
    "rank_pattern",
    "fan_in_fan_out",
    "lora_bias",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "arrow_config",
)
# What leaves layers out that are named among the targets.
_PARTIAL: Final = ("layers_to_transform", "layers_pattern", "exclude_modules")
_REMEDY: Final = "Restore the folder or train again."


@dataclass(frozen=True, slots=True)
class BaseSizes:
    """What an adapter must fit.

    Attributes:
        layers: name of each layer that may have LoRA matrices, as adapters name it -> (outputs, inputs).
        hidden: size of the base's vectors.
    """

    layers: Mapping[str, tuple[int, int]]
    hidden: int


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """What `adapter_config.json` says of the matrices.

    Attributes:
        rank: of all of them.
        scale: of their product.
        targets: ends of the names of the layers that have some; None: not told as a list.
        unknown: what `read_lora` cannot do; empty for adapters of this project.
        values: everything that the file says.
    """

    rank: int
    scale: float
    targets: tuple[str, ...] | None
    unknown: tuple[str, ...]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoraWeights:
    """An adapter's matrices.

    Attributes:
        down: layer name -> A, shape (rank, inputs).
        up: layer name -> B with the scale in it, shape (outputs, rank).
        head, head_bias: shapes (2, hidden) and (2,).
    """

    down: Mapping[str, Array]
    up: Mapping[str, Array]
    head: Array
    head_bias: Array


def read_lora(folder: Path | AdapterFiles, encoder_prefix: str, sizes: BaseSizes) -> LoraWeights:
    """Read and check a LoRA adapter; layers are named as in the encoder, without its prefix.

    Args:
        folder: of the adapter, or its files.
        encoder_prefix: of the encoder in a model with a head.
        sizes: of the base, with layers named as in the encoder.

    Raises:
        AdapterError: missing or damaged files, a tensor that does not fit the base or holds no usable
            numbers, or a kind of LoRA that this project does not make.
    """
    prefix = PEFT_PREFIX + encoder_prefix
    layers = {prefix + name: size for name, size in sizes.layers.items()}
    files = AdapterFiles.of(folder)
    settings = _plain_settings(files)
    tensors = checked_tensors(files, settings, BaseSizes(layers, sizes.hidden))
    return LoraWeights(
        *_matrices(tensors, settings, prefix, files), *(tensors[name] for name in HEAD_TENSORS)
    )


def read_matrices(folder: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    """The A and B matrices of a LoRA adapter without a head, as in `LoraWeights`.

    Raises:
        AdapterError: see `read_lora`.
    """
    files = AdapterFiles(folder)
    settings = _plain_settings(files)
    tensors = checked_tensors(files, settings, None)
    return _matrices(tensors, settings, PEFT_PREFIX, files)


def read_settings(files: AdapterFiles) -> LoraSettings:
    """Read and check `adapter_config.json`.

    Raises:
        AdapterError: it is missing or damaged; naming the value that is out of its range.
    """
    path = files.folder / LORA_SETTINGS
    values = parse_object(files.settings(LORA_SETTINGS), path)
    rank: Any = values.get("r")
    alpha: Any = values.get("lora_alpha")
    rooted: Any = values.get("use_rslora", False)
    targets: Any = values.get("target_modules")
    if values.get("peft_type") != "LORA":
        raise wrong_value(path, "peft_type", values.get("peft_type"), "LORA")
    if not is_whole(rank, 1, MOST_RANK):
        raise wrong_value(path, "r", rank, f"a whole number from 1 to {MOST_RANK}")
    if not is_number(alpha, 1e-6, LARGEST):
        raise wrong_value(path, "lora_alpha", alpha, "a positive number")
    if not isinstance(rooted, bool | None):
        raise wrong_value(path, "use_rslora", rooted, "true or false")
    if not (isinstance(targets, str | None) or _is_texts(targets)):
        raise wrong_value(path, "target_modules", targets, "a list of names")
    if not (values.get("modules_to_save") is None or _is_texts(values["modules_to_save"])):
        raise wrong_value(path, "modules_to_save", values["modules_to_save"], "a list of names")
    unknown = [name for name in _UNKNOWN if values.get(name)]
    if values.get("bias", "none") != "none":
        unknown.append("bias")
    whole = isinstance(targets, list) and not any(values.get(name) for name in _PARTIAL)
    return LoraSettings(
        rank=rank,
        scale=alpha / (math.sqrt(rank) if rooted else rank),
        targets=tuple(targets) if whole else None,
        unknown=tuple(unknown),
        values=values,
    )


def checked_tensors(files: AdapterFiles, settings: LoraSettings, sizes: BaseSizes | None) -> dict[str, Array]:
    """The tensors of a LoRA adapter in fp32, under their names in the file.

    Args:
        files: of the adapter.
        settings: its own. Where they tell of what `read_lora` does not know, shapes are left to peft.
        sizes: of the base, with layers named as in the file; None: of one without a head, whose layers are
            not known.

    Raises:
        AdapterError: naming the first tensor that is missing, does not fit or holds no usable numbers.
    """

    def check(infos: Mapping[str, TensorInfo]) -> None:
        for name, info in infos.items():
            try:
                check_kind(info)
            except ValueError as e:
                raise misfit(files, f"{name} cannot be used: {e}") from e
        if sizes is not None:
            for name, shape in zip(HEAD_TENSORS, ((2, sizes.hidden), (2,)), strict=True):
                _check_shape(files, infos, name, shape)
        if not settings.unknown:
            _check_pairs(files, infos, settings, sizes)

    found = files.tensors(LORA_FILE, check)
    tensors = {name: as_float32(content, info) for name, (info, content) in found.items()}
    check_values(files, tensors)
    return tensors


def check_values(files: AdapterFiles, tensors: Mapping[str, Array]) -> None:
    """Refuse weights that no training leaves, unless it diverged: not finite, or beyond fp16.

    Raises:
        AdapterError: naming the first such tensor.
    """
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise misfit(files, f"{name} holds values that are not finite")
        if tensor.size and np.abs(tensor).max() > LARGEST:
            raise misfit(files, f"{name} holds values beyond {LARGEST:g}")


def misfit(files: AdapterFiles, what: str) -> AdapterError:
    """The error for an adapter whose weights cannot be used with the base."""
    return AdapterError(f"The adapter '{files.folder.name}' cannot be loaded: {what}.", remedy=_REMEDY)


def _plain_settings(files: AdapterFiles) -> LoraSettings:
    settings = read_settings(files)
    if settings.unknown:
        raise AdapterError(
            f"The adapter '{files.folder.name}' is made in a way that this engine cannot run "
            f"({', '.join(settings.unknown)}).",
            remedy="Train it with fine_tune.py, or serve it with QA_ENGINE=torch.",
        )
    return settings


def _check_pairs(
    files: AdapterFiles, infos: Mapping[str, TensorInfo], settings: LoraSettings, sizes: BaseSizes | None
) -> None:
    """Each layer has both matrices or none, of the base's sizes and the told rank; nothing is left over."""
    heads = HEAD_TENSORS if sizes is not None else ()
    layers: dict[str, None] = {}
    for name in infos:
        layer, _, part = name.removesuffix(".weight").rpartition(".")
        if name.endswith(".weight") and part in ("lora_A", "lora_B"):
            layers[layer] = None
        elif name not in heads:
            raise misfit(files, f"nobody knows what {name[:200]} is for")
    if sizes is not None and settings.targets is not None:
        wanted = [name for name in sizes.layers if _is_target(name, settings.targets)]
        layers |= dict.fromkeys(wanted)
    if not layers:
        raise misfit(files, "it has no lora_A and no lora_B")
    for layer in layers:
        if sizes is None:
            outputs, inputs = (
                _told(infos, f"{layer}.lora_B.weight", 0),
                _told(infos, f"{layer}.lora_A.weight", -1),
            )
        elif layer in sizes.layers:
            outputs, inputs = sizes.layers[layer]
        else:
            raise misfit(files, f"the base has no layer {layer[:200]}")
        _check_shape(files, infos, f"{layer}.lora_A.weight", (settings.rank, inputs))
        _check_shape(files, infos, f"{layer}.lora_B.weight", (outputs, settings.rank))


def _told(infos: Mapping[str, TensorInfo], name: str, axis: int) -> int:
    """A size of a matrix by its own word; 0 where there is none."""
    return infos[name].shape[axis] if name in infos and infos[name].shape else 0


def _check_shape(
    files: AdapterFiles, infos: Mapping[str, TensorInfo], name: str, wanted: tuple[int, ...]
) -> None:
    if name not in infos:
        raise misfit(files, f"it has no {name}")
    if infos[name].shape != wanted:
        raise misfit(files, f"{name} has another shape, {infos[name].shape} instead of {wanted}")


def _matrices(
    tensors: Mapping[str, Array], settings: LoraSettings, prefix: str, files: AdapterFiles
) -> tuple[dict[str, Array], dict[str, Array]]:
    def matrices(part: str, factor: float) -> dict[str, Array]:
        return {
            name.removeprefix(prefix).removesuffix(f".{part}.weight"): tensor * np.float32(factor)
            for name, tensor in tensors.items()
            if name.endswith(f".{part}.weight")
        }

    down, up = matrices("lora_A", 1.0), matrices("lora_B", settings.scale)
    for layer in down:
        check_change(files, layer, down[layer], up[layer])
    return down, up


def check_change(files: AdapterFiles, layer: str, down: Array, up: Array) -> None:
    """Refuse matrices whose product, the change to a layer's weight, is out of all bounds.

    Raises:
        AdapterError: naming the layer.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        largest = np.abs(up @ down).max()
    # Not "larger than": what is no number is no smaller either.
    if not largest <= LARGEST:
        raise misfit(files, f"the product of lora_B and lora_A of {layer} holds values beyond {LARGEST:g}")


def _is_target(layer: str, targets: tuple[str, ...]) -> bool:
    return any(layer == target or layer.endswith(f".{target}") for target in targets)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)

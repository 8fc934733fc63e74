"""What a reader tells of itself, of its bases, its adapters and its embedder."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaseInfo:
    """A base, in memory or on disk.

    Attributes:
        name: Hub name, or the folder it was given by.
        checksum: sha256 of its weights.
        origin: "folder", "package", "cache" or "hub".
        family: architecture, as its config.json has it, such as "bert".
        parameters: their number, a head included.
        loaded: whether it is in memory.
        engine: what runs it; "" where it is not in memory, and so on.
        precision: of its arithmetic.
        precision_reason: why it is this one.
        device: what it runs on.
    """

    name: str
    checksum: str
    origin: str
    family: str
    parameters: int
    loaded: bool = False
    engine: str = ""
    precision: str = ""
    precision_reason: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """What makes vectors of texts: a base, whatever adapters there are.

    Attributes:
        identity: of what makes the vectors; those of equal identity can be compared. See `Embedder.identity`.
        base: that makes them.
        pooling: how the vectors of a text's tokens become one: "mean", "cls" or "max".
        max_tokens: of a text that are read, special tokens included.
        length: of a vector.
        loaded: whether it has embedded since the start.
        bytes: size of the base's weights on disk.
        modified: when they were written, in seconds since 1970.
    """

    identity: str
    base: BaseInfo
    pooling: str
    max_tokens: int
    length: int
    loaded: bool
    bytes: int
    modified: float


@dataclass(frozen=True, slots=True)
class AdapterState:
    """An adapter that can be asked.

    Attributes:
        name: what a question names it by.
        base: that it was trained on; None where its settings cannot be read any more.
        loaded: whether it is in memory.
        bytes: size of its weights on disk.
        modified: when they were written, in seconds since 1970.
        digest: sha256 of the weights in memory.
        stale: whether the files have changed since they were loaded.
        problem: why the changed files could not be loaded; those of before answer on.
    """

    name: str
    base: BaseInfo | None
    loaded: bool
    bytes: int
    modified: float
    digest: str | None = None
    stale: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ReaderInfo:
    """What answers when a question names no adapter, what embeds, and the bases in memory.

    Attributes:
        default_adapter: its name.
        base: of that adapter.
        max_length: tokens of its windows.
        stride: tokens that neighbouring windows share.
        max_question_tokens: longest question that leaves room for context.
        embedder: what makes vectors of texts.
        bases: in memory.
    """

    default_adapter: str
    base: BaseInfo
    max_length: int
    stride: int
    max_question_tokens: int
    embedder: EmbedderInfo
    bases: tuple[BaseInfo, ...]

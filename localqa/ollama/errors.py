"""What can go wrong with a server that is not ours."""

from localqa.errors import LocalQAError


class OllamaDownError(LocalQAError):
    """It does not answer, or broke off."""

    code = "ollama_unavailable"


class OllamaSlowError(LocalQAError):
    """It took the question and then was silent for too long."""

    code = "ollama_timeout"


class OllamaModelError(LocalQAError):
    """It does not have the model, or has none."""

    code = "ollama_model_missing"


class CallerGoneError(LocalQAError):
    """Nobody waits for what it generates any more."""

    code = "caller_gone"

"""Every Python process with this folder on its path notes look-ups, connections and files written."""

import os
import sys

_RECORD = os.environ.get("WATCHED_RECORD", "")
_HERE = ("localhost", "127.", "::1", "::ffff:127.", "0.0.0.0")
_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_MADE = {"os.mkdir": 0, "os.rename": 1, "os.link": 1, "os.symlink": 1}
_append, _close, _write = os.open, os.close, os.write


def _note(line: str) -> None:
    record = _append(_RECORD, os.O_WRONLY | os.O_APPEND)
    _write(record, (line + "\n").encode(errors="replace"))
    _close(record)


def _is_elsewhere(host: object) -> bool:
    text = host.decode(errors="replace") if isinstance(host, bytes) else host
    return isinstance(text, str) and text != "" and not text.startswith(_HERE)


def _hear(event: str, arguments: tuple) -> None:
    if event in _LOOKUPS and _is_elsewhere(arguments[0]):
        _note(f"ask {event} {arguments[0]!r}")
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        if _is_elsewhere(arguments[1][0]):
            _note(f"ask {event} {arguments[1]!r}")
    elif event == "open" and isinstance(arguments[0], str | bytes) and arguments[2] is not None:
        path = os.fsdecode(arguments[0])
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and path != _RECORD:
            _note(f"write {os.path.abspath(path)}")
    elif event in _MADE and isinstance(arguments[_MADE[event]], str | bytes | os.PathLike):
        _note(f"write {os.path.abspath(os.fsdecode(arguments[_MADE[event]]))}")


if _RECORD:
    sys.addaudithook(_hear)

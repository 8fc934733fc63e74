"""Finding out before the model is loaded whether the server may and can listen, and to how many."""

import errno
import ipaddress
import resource
import socket

from localqa.config import Settings
from localqa.errors import ConfigError


def check_exposure(settings: Settings) -> None:
    """Refuse to listen beyond this machine without keys.

    Raises:
        ConfigError: the address is not a loopback one, there are no keys, and nobody has waived them.
    """
    if settings.keys or settings.allow_open or _is_loopback(settings.host):
        return
    raise ConfigError(
        f"QA_HOST={settings.host} lets other machines ask, and there are no API keys.",
        remedy="Set QA_API_KEYS to one or more secrets, or QA_ALLOW_OPEN=true where something else guards "
        "the port, or QA_HOST=127.0.0.1.",
    )


def ensure_can_listen(host: str, port: int) -> None:
    """Try to listen on an address for a moment.

    Raises:
        ConfigError: the port is taken or not allowed, or the host is no address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as e:
        raise _bad_host(host) from e
    with socket.socket(family, kind, protocol) as probe:
        # As the servers do: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as e:
            raise _cannot_listen(e, host=host, port=port) from e


def connections_of(wanted: int) -> int:
    """As many connections as may be open, where the system says how many files may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + 200 and hard > soft:
        soft = min(wanted + 200, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(100, min(wanted, soft - 200))


def _cannot_listen(error: OSError, *, host: str, port: int) -> ConfigError:
    other = _with_port(port + 1 if port < 65_535 else 5001)
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"Port {port} on {host} is already in use.",
            remedy=f"Take another one, {other}, or stop the program that uses it.",
        )
    if error.errno == errno.EACCES:
        return ConfigError(
            f"Port {port} on {host} may not be used by this user.",
            remedy=f"Take one above 1023, {_with_port(5001)}.",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return _bad_host(host)
    return ConfigError(
        f"Cannot listen on {host}:{port}: {error.strerror}.", remedy=f"Take another port, {other}."
    )


def _with_port(port: int) -> str:
    return f"`localqa serve --port {port}` or `PORT={port} make serve`"


def _bad_host(host: str) -> ConfigError:
    return ConfigError(
        f"{host!r} is not an address of this machine.",
        remedy="Set QA_HOST to 127.0.0.1 (this machine only) or 0.0.0.0 (every network).",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

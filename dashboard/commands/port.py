"""The port a server listens on: taken here, or told who has it."""

from __future__ import annotations

import contextlib
import errno
import socket
from pathlib import Path

from ..errors import PortError

_LISTENING = "0A"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises PortError."""
    family, address = _resolved(host, port)
    server = socket.socket(family, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen(128)
    except OSError as error:
        server.close()
        raise PortError(host, port, _problem(error, port)) from error
    return server


def _resolved(host: str, port: int) -> tuple[int, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise PortError(host, port, "this address is not known; --host 127.0.0.1 is this machine") from None
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, address


def _problem(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        held = holder(port)
        return f"the port is in use{f' by {held}' if held else ''}; --port {_next(port)} takes another one"
    if error.errno == errno.EACCES:
        return "this user may not listen there; --port 8050 needs no rights"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address; --host 127.0.0.1 is always there"
    return f"cannot listen there: {error.strerror or error}"


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 8050


def holder(port: int, proc: Path = Path("/proc")) -> str | None:
    """Who listens on a port, as `name (process 123)`; None when the system does not tell."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    for process in proc.glob("[0-9]*"):
        if sockets and _has_open(process, sockets):
            with contextlib.suppress(OSError):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None


def _inodes(port: int, proc: Path) -> set[str]:
    """Inodes of the sockets that listen on a port, from the kernel's tables (man 5 proc, /proc/net/tcp)."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    found.add(words[9])
    return found


def _has_open(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(file.readlink()) in sockets for file in (process / "fd").iterdir())
    except OSError:  # another user's process, or one that has just ended
        return False

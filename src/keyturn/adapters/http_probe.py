"""Is a service of ours ready? One small request on loopback, for the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from pathlib import Path
from typing import Final

_LIMIT: Final = 4096


async def answers_ok(port: int, path: str, *, host: str = "127.0.0.1") -> bool:
    """Return whether ``GET path`` is answered with a 2xx status; False when nothing listens."""
    try:
        reader, writer = await asyncio.open_connection(host, port, limit=_LIMIT)
    except OSError:
        return False
    try:
        request = f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        writer.write(request.encode())
        line = await reader.readline()
    except (OSError, ValueError):
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    words = line.split()
    return len(words) > 1 and words[1].startswith(b"2")


def why_not_free(host: str, port: int) -> str | None:
    """Return why ``port`` cannot be listened on, or None when it can.

    Sockets that share a port by SO_REUSEPORT, as Envoy's do, are seen too.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return problem.strerror or type(problem).__name__
        return None


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return ``count`` different ports that nobody listens on at this moment.

    They lie below the range from which the kernel takes source ports: a client that knocks at a
    port of that range while its server restarts may otherwise occupy it, even by connecting to
    itself.
    """
    last = min(_first_source_port(), 32768) - 1
    found: list[int] = []
    for _ in range(200):
        if len(found) == count:
            return found
        port = 20000 + secrets.randbelow(max(1, last - 20000))
        if port not in found and why_not_free(host, port) is None:
            found.append(port)
    return found + _any_ports(count - len(found), host)


def _first_source_port() -> int:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        return int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return 32768


def _any_ports(count: int, host: str) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in sockets]

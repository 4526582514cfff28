"""A connection as ``http.client`` reads it, with one deadline for everything that happens on it.

``http.client`` limits each read; here every step gets what is left of one deadline, so that a
server which sends a byte now and then cannot hold the thread. Only the name look-up is the
system's, and bounded by the system. Deadlines are times of :func:`~keyturn.adapters.steady_clock`.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from typing import Any

from keyturn.adapters.steady_clock import steady


class Line(io.RawIOBase):
    """A connected socket that nobody waits for longer than ``until``; closing closes both."""

    def __init__(self, connected: socket.socket, until: float) -> None:
        self._socket, self._until = connected, until

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the stream that the answer is read from."""
        return io.BufferedReader(self)

    def sendall(self, content: bytes) -> None:
        """Send all of ``content``."""
        self._socket.settimeout(left(self._until))
        self._socket.sendall(content)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, waiting no longer than the deadline."""
        self._socket.settimeout(left(self._until))
        return self._socket.recv_into(buffer)

    def close(self) -> None:
        """Close the connection too."""
        if not self.closed:
            self._socket.close()
        super().close()


def dial(host: str, port: int, until: float) -> socket.socket:
    """Return a connection to the first address of ``host`` that takes one; raises ``OSError``."""
    failure: OSError = OSError(f"no address is known for {host}")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        one = socket.socket(family, kind, protocol)
        try:
            one.settimeout(left(until))
            one.connect(address)
        except OSError as problem:
            one.close()
            failure = problem
        else:
            return one
    raise failure


def secured(plain: socket.socket, host: str, trust: ssl.SSLContext, until: float) -> socket.socket:
    """Return ``plain`` under TLS for ``host``; closes it when the handshake fails."""
    try:
        plain.settimeout(left(until))
        return trust.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def left(until: float) -> float:
    """Return the seconds that are left; raises ``TimeoutError`` when none are."""
    seconds = until - steady()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def reason(problem: Exception) -> str:
    """Return why an exchange failed, for people.

    The texts of ``http.client`` are not repeated: they quote headers and addresses, which may be
    credentials.
    """
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    if isinstance(problem, http.client.InvalidURL):
        return "the address holds characters that HTTP does not allow"
    if isinstance(problem, http.client.HTTPException):
        return f"its answer is not HTTP ({type(problem).__name__})"
    if isinstance(problem, ValueError):
        return f"what was to be sent is not HTTP ({type(problem).__name__})"
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__

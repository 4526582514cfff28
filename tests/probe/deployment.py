"""A gateway with five services behind it, as services.md §2 to §8 describe them, on one port.

Tokens are verified by PyJWT. Every request is written down, so that a test can say what a probe
did and did not send.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from keyturn.jose.key import SigningKey
from keyturn.secret import Secret
from keyturn.secret_access import reveal


@dataclass
class Request:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def apikey(self) -> str | None:
        query = parse_qs(urlsplit(self.target).query)
        return self.headers.get("apikey") or query.get("apikey", [None])[0]

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else None


@dataclass
class Response:
    status: int
    body: object = None
    """JSON, or text or bytes as they are."""
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        body = self.body
        kind = "application/json"
        if isinstance(body, str):
            body, kind = body.encode(), "text/plain"
        elif not isinstance(body, bytes):
            body = b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": kind, "content-length": str(len(body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} X", *(f"{n}: {v}" for n, v in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def bad_jwt(message: str) -> Response:
    return Response(403, {"code": 403, "error_code": "bad_jwt", "msg": message})


NO_AUTHORIZATION = Response(
    401,
    {
        "code": 401,
        "error_code": "no_authorization",
        "msg": "This endpoint requires a valid Bearer token",
    },
)
USER_NOT_FOUND = Response(
    403,
    {
        "code": 403,
        "error_code": "user_not_found",
        "msg": "User from sub claim in JWT does not exist",
    },
)
KONG_REFUSES = Response(
    401,
    {"message": "Invalid authentication credentials"},
    {"x-kong-response-latency": "1"},
)

Handler = Callable[[Request], Awaitable[Response | bytes]]


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """Serve ``handler`` on a loopback port; bytes go out as they are."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            answer = await handler(await _read(reader))
            writer.write(answer if isinstance(answer, bytes) else answer.raw())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=200)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
    method, target, _ = first.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


@dataclass
class Deployment:
    """``anon`` and ``publishable`` are what the gateway knows; ``wired`` who has the JWKS."""

    key: SigningKey
    secret: Secret
    anon: str
    service: str = ""
    publishable: str = "sb_publishable_none"
    secret_key: str = "sb_secret_none"
    api_token: str = ""
    """What the gateway puts in for an ``sb_`` key."""
    wired: frozenset[str] = frozenset({"auth", "rest", "realtime", "storage", "functions"})
    verify_functions: bool = True
    leaves_tenants_open: bool = False
    requests: list[Request] = field(default_factory=list)
    before: Callable[[Request], Awaitable[None]] | None = None

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if self.before is not None:
            await self.before(request)
        parts = request.path.split("/")
        if request.path == "/auth/v1/.well-known/jwks.json":
            return self._jwks()
        if request.path == "/auth/v1/.well-known/openid-configuration":
            return Response(200, {"issuer": "http://x/auth/v1", "secret": "no"})
        service = parts[1]
        if service in {"auth", "rest", "realtime"} and not self._knows(request.apikey):
            return Response(
                401,
                {"message": "Invalid authentication credentials"},
                {"x-kong-response-latency": "1"},
            )
        answer = await getattr(self, f"_{service}")(request)
        answer.headers["x-kong-upstream-latency"] = "1"
        assert isinstance(answer, Response)
        return answer

    def _knows(self, apikey: str | None) -> bool:
        return apikey in {self.anon, self.service, self.publishable, self.secret_key}

    def _jwks(self) -> Response:
        keys = [self.key.verifying_key().public_jwk()]
        return Response(
            200,
            {"keys": keys},
            {"cache-control": "public, max-age=600", "date": "Wed, 25 Nov 2026 12:00:00 GMT"},
        )

    def token(self, request: Request) -> str | None:
        if request.bearer is None and (request.apikey or "").startswith("sb_"):
            return self.api_token
        return request.bearer

    def claims(self, service: str, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        options: Any = {"verify_aud": False, "verify_iat": False}
        if header["alg"] == "ES256":
            if service not in self.wired or header.get("kid") != self.key.kid:
                raise jwt.InvalidKeyError("no key")
            public = jwt.PyJWK(self.key.verifying_key().public_jwk())
            return dict(jwt.decode(token, public, ["ES256"], options=options))
        return dict(jwt.decode(token, reveal(self.secret), ["HS256"], options=options))

    def verdict(self, service: str, token: str | None) -> dict[str, Any] | None:
        try:
            return self.claims(service, token or "")
        except jwt.PyJWTError:
            return None

    async def _auth(self, request: Request) -> Response:
        if (token := self.token(request)) is None:
            return NO_AUTHORIZATION
        claims = self.verdict("auth", token)
        if claims is None:
            return bad_jwt("invalid JWT: unable to parse or verify signature")
        return USER_NOT_FOUND if "sub" in claims else bad_jwt("invalid claim: missing sub claim")

    async def _rest(self, request: Request) -> Response:
        token = self.token(request)
        if token is not None and self.verdict("rest", token) is None:
            return Response(
                401, {"code": "PGRST301", "message": "No suitable key or wrong key type"}
            )
        return Response(404, {"code": "PGRST205", "message": "Could not find the table"})

    async def _storage(self, request: Request) -> Response:
        if (token := self.token(request)) is None:
            message = "headers must have required property 'authorization'"
            return Response(
                400, {"statusCode": "400", "error": "InvalidRequest", "message": message}
            )
        if self.verdict("storage", token) is None:
            refusal = {"statusCode": "403", "error": "Unauthorized", "code": "AccessDenied"}
            return Response(400, {**refusal, "message": "signature verification failed"})
        return Response(200, [])

    async def _functions(self, request: Request) -> Response:
        if self.verify_functions and self.verdict("functions", request.bearer) is None:
            return Response(401, {"code": "UNAUTHORIZED_ASYMMETRIC_JWT", "msg": "Invalid JWT"})
        return Response(500, {"msg": "InvalidWorkerCreation: no appropriate entrypoint"})

    async def _realtime(self, request: Request) -> Response:
        if request.path == "/realtime/v1/api/tenants":
            return Response(200 if self.leaves_tenants_open else 403, {"data": []})
        if request.headers.get("upgrade") == "websocket":
            return self._socket(request)
        if self.verdict("realtime", self.token(request)) is None:
            return Response(401, {"message": "Unauthorized"})
        assert json.loads(request.body) == {"messages": []}
        return Response(422, {"errors": {"messages": ["can't be blank"]}})

    def _socket(self, request: Request) -> Response:
        token = self.api_token if (request.apikey or "").startswith("sb_") else request.apikey
        if self.verdict("realtime", token) is None:
            return Response(401, {"error": "Failed to validate JWT signature"})
        return Response(101, b"", upgraded(request))


def upgraded(request: Request) -> dict[str, str]:
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    digest = hashlib.sha1(f"{request.headers['sec-websocket-key']}{guid}".encode()).digest()
    return {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-accept": base64.b64encode(digest).decode(),
    }

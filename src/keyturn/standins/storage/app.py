"""Storage as far as a rehearsal needs it; every decision is :mod:`keyturn.profiles.storage`'s.

Routes: ``/bucket``, ``/object/{bucket}/{path}`` (upload, read, list, sign), signed uploads, the
TUS ``/upload/resumable/sign`` and ``/s3``. Bodies of refusals as Storage 1.74.0 writes them: HTTP
400 with ``statusCode`` in the body (services.md §6b).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from keyturn.clock import Clock
from keyturn.deploy.inventory import Kind
from keyturn.profiles import storage
from keyturn.profiles.request import Request
from keyturn.profiles.token import bearer, read
from keyturn.profiles.verdict import Outcome, Verdict
from keyturn.standins.reasons import because
from keyturn.standins.storage import signed
from keyturn.standins.storage.objects import Objects

_BAD = 400
_RLS = "new row violates row-level security policy"


@dataclass(frozen=True, slots=True)
class _Caller:
    role: str | None
    user: str | None


class StorageApp:
    """One Storage with its configuration; ``objects`` outlive it."""

    def __init__(
        self, config: storage.Config, objects: Objects, clock: Clock, access_key: str = ""
    ) -> None:
        """``access_key`` is ``S3_PROTOCOL_ACCESS_KEY_ID``."""
        self._config, self._objects, self._clock = config, objects, clock
        self._access_key = access_key

    def asgi(self) -> Starlette:
        """Return the application."""
        name = "{bucket}/{path:path}"
        return Starlette(
            routes=[
                Route("/bucket", self._buckets),
                Route("/object/list/{bucket}", self._list, methods=["POST"]),
                Route(f"/object/sign/{name}", self._sign, methods=["POST"]),
                Route(f"/object/sign/{name}", self._signed_read),
                Route(f"/object/upload/sign/{name}", self._sign_upload, methods=["POST"]),
                Route(f"/object/upload/sign/{name}", self._signed_upload, methods=["PUT"]),
                Route("/upload/resumable/sign", self._resumable, methods=["POST"]),
                Route("/s3{path:path}", self._s3, methods=["GET", "PUT", "POST"]),
                Route(f"/object/{name}", self._upload, methods=["POST", "PUT"]),
                Route(f"/object/{name}", self._read),
            ]
        )

    async def _buckets(self, request: HttpRequest) -> Response:
        verdict = storage.judge(self._config, _asked(request), self._clock())
        return JSONResponse([]) if _passes(verdict) else _refusal(verdict)

    async def _list(self, request: HttpRequest) -> Response:
        verdict = storage.judge(self._config, _asked(request), self._clock())
        if not _passes(verdict):
            return _refusal(verdict)
        caller = _caller(request, verdict)
        names = self._objects.names(request.path_params["bucket"], caller.role, caller.user)
        return JSONResponse([{"name": name} for name in names])

    async def _upload(self, request: HttpRequest) -> Response:
        verdict = storage.judge(self._config, _asked(request), self._clock())
        if not _passes(verdict):
            return _refusal(verdict)
        caller, name = _caller(request, verdict), _name(request)
        if not self._objects.put(name, await request.body(), caller.role, caller.user):
            return _problem("403", "Unauthorized", _RLS, f"the request runs as {caller.role}")
        return JSONResponse({"Key": name})

    async def _read(self, request: HttpRequest) -> Response:
        verdict = storage.judge_object_read(self._config, _asked(request), self._clock())
        if not (_passes(verdict) or verdict.outcome is Outcome.DOWNGRADED):
            return _refusal(verdict)
        caller = _caller(request, verdict)
        content = self._objects.get(_name(request), caller.role, caller.user)
        if content is None:
            return _problem("404", "not_found", "Object not found", verdict.why)
        return Response(content)

    async def _sign(self, request: HttpRequest) -> Response:
        verdict = storage.judge(self._config, _asked(request), self._clock())
        if not _passes(verdict):
            return _refusal(verdict)
        caller, name = _caller(request, verdict), _name(request)
        if self._objects.get(name, caller.role, caller.user) is None:
            return _problem("404", "not_found", "Object not found", verdict.why)
        token = signed.sign(self._config, name, await _life(request), self._clock())
        return JSONResponse({"signedURL": f"/object/sign/{name}?token={token}"})

    async def _signed_read(self, request: HttpRequest) -> Response:
        name = _name(request)
        verdict = self._token_checked(request.query_params.get("token", ""), name)
        if not _passes(verdict):
            return _refusal(verdict)
        found = self._objects.held.get(name)
        if found is None:
            return _problem("404", "not_found", "Object not found", verdict.why)
        return Response(found.content)

    async def _sign_upload(self, request: HttpRequest) -> Response:
        verdict = storage.judge(self._config, _asked(request), self._clock())
        if not _passes(verdict):
            return _refusal(verdict)
        name = _name(request)
        token = signed.sign(self._config, name, 7200, self._clock())
        return JSONResponse({"url": f"/object/upload/sign/{name}?token={token}", "token": token})

    async def _signed_upload(self, request: HttpRequest) -> Response:
        name = _name(request)
        verdict = self._token_checked(request.query_params.get("token", ""), name)
        if not _passes(verdict):
            return _refusal(verdict)
        self._objects.put(name, await request.body(), "service_role", None)
        return JSONResponse({"Key": name})

    async def _resumable(self, request: HttpRequest) -> Response:
        """The first request of TUS; ``Upload-Metadata`` is left out, the name is in the query."""
        name = request.query_params.get("name", "")
        verdict = self._token_checked(request.headers.get("x-signature", ""), name)
        if not _passes(verdict):
            return _refusal(verdict)
        return Response(status_code=201, headers={"location": f"/upload/resumable/sign/{name}"})

    async def _s3(self, request: HttpRequest) -> Response:
        given = request.headers.get("authorization", "")
        key = given.partition("Credential=")[2].partition("/")[0]
        if not given.startswith("AWS4-HMAC-SHA256 ") or not key or key != self._access_key:
            return _xml(403, "InvalidAccessKeyId", "The access key is unknown.", "")
        verdict = storage.judge_s3(self._config, self._clock())
        if not _passes(verdict):
            return _xml(403, "AccessDenied", verdict.message or "", verdict.why)
        return PlainTextResponse("<ListAllMyBucketsResult/>", media_type="application/xml")

    def _token_checked(self, token: str, name: str) -> Verdict:
        return signed.check(self._config, token, name, self._clock())


def _asked(request: HttpRequest) -> Request:
    return Request(Kind.STORAGE, request.headers.get("authorization"))


def _passes(verdict: Verdict) -> bool:
    return verdict.outcome in (Outcome.ACCEPTED, Outcome.OPEN, Outcome.UNKNOWN)


def _caller(request: HttpRequest, verdict: Verdict) -> _Caller:
    """Return who asks; the claims were verified when the verdict accepted the token."""
    if verdict.outcome is not Outcome.ACCEPTED:
        return _Caller(verdict.role, None)
    given = request.headers.get("authorization")
    seen = read(bearer(given) or given or "")
    subject = (seen.claims or {}).get("sub") if seen else None
    return _Caller(verdict.role, subject if isinstance(subject, str) else None)


def _name(request: HttpRequest) -> str:
    return f"{request.path_params['bucket']}/{request.path_params['path']}"


async def _life(request: HttpRequest) -> int:
    try:
        value = json.loads(await request.body()).get("expiresIn")
    except (ValueError, AttributeError):
        value = None
    return value if isinstance(value, int) and value > 0 else 60


def _refusal(verdict: Verdict) -> Response:
    error = {"AccessDenied": "Unauthorized"}.get(verdict.code or "", verdict.code or "")
    status = "403" if verdict.code == "AccessDenied" else "400"
    return _problem(status, error, verdict.message or "", verdict.why, code=verdict.code)


def _problem(status: str, error: str, message: str, why: str, code: str | None = None) -> Response:
    body = {"statusCode": status, "error": error, "message": message}
    if code is not None:
        body["code"] = code
    return JSONResponse(body, _BAD, because(why))


def _xml(status: int, code: str, message: str, why: str) -> Response:
    text = f"<Error><Code>{code}</Code><Message>{message.replace('<', '')}</Message></Error>"
    return Response(text, status, because(why), "application/xml")

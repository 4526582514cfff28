"""Services that answer what the profiles predict, each in its own form, behind one gateway.

The status, the code and the message come from the profiles; what a service says once it has taken
a credential is written out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tests.probe.deployment import (
    USER_NOT_FOUND,
    Request,
    Response,
    bad_jwt,
    upgraded,
)

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.jose.errors import Malformed
from keyturn.jose.jwt import peek
from keyturn.profiles.deployment import follow
from keyturn.profiles.request import Credential
from keyturn.profiles.verdict import Outcome, Verdict

LETS_IN = (Outcome.ACCEPTED, Outcome.DOWNGRADED, Outcome.OPEN)


@dataclass
class Predicted:
    """Answers as the profiles say that ``inventory`` would."""

    inventory: Inventory
    now: datetime

    async def handle(self, request: Request) -> Response:
        service = request.path.split("/")[1]
        if service not in {kind.value for kind in Kind} or "/.well-known/" in request.path:
            return Response(404, {"message": "nothing here"})
        kind, socket = Kind(service), "upgrade" in request.headers
        verdict = self.verdict(kind, request.apikey, request.bearer, websocket=socket)
        if verdict.outcome in LETS_IN:
            return _taken(kind, request, verdict)
        if verdict.outcome is Outcome.ABSENT:
            return Response(404, {"message": "no Route matched with those values"})
        at_gateway = any(step.at == "gateway" and step.ok is False for step in verdict.steps)
        return self._refused(kind, verdict, at_gateway=at_gateway)

    def verdict(
        self, kind: Kind, apikey: str | None, bearer: str | None, *, websocket: bool
    ) -> Verdict:
        credential = Credential(None, apikey, bearer)
        return follow(self.inventory, credential, kind, now=self.now, websocket=websocket)

    def _refused(self, kind: Kind, verdict: Verdict, *, at_gateway: bool) -> Response:
        status, message = verdict.status or 500, verdict.message or ""
        if at_gateway:
            gateway = self.inventory.gateway
            if gateway is not None and gateway.kind is Kind.KONG:
                return Response(status, {"message": message}, {"x-kong-response-latency": "1"})
            return Response(status, message, {"server": "envoy"})
        body = {"code": verdict.code, "message": message}
        if kind is Kind.AUTH:
            return bad_jwt(message) if status == 403 else _auth(status, verdict.code, message)
        if kind is Kind.STORAGE:
            body |= {"statusCode": "403", "error": "Unauthorized"}
        elif kind is Kind.REALTIME:
            body = {"error": message}
        return Response(status, body)


def _auth(status: int, code: str | None, message: str) -> Response:
    return Response(status, {"code": status, "error_code": code, "msg": message})


def _taken(kind: Kind, request: Request, verdict: Verdict) -> Response:
    match kind:
        case Kind.AUTH:
            names_user = "sub" in _claims(request.bearer)
            return USER_NOT_FOUND if names_user else bad_jwt("invalid claim: missing sub claim")
        case Kind.REST:
            return Response(404, {"code": "PGRST205", "message": "Could not find the table"})
        case Kind.STORAGE:
            return Response(200, [])
        case Kind.FUNCTIONS:
            return Response(500, {"msg": "InvalidWorkerCreation: no appropriate entrypoint"})
        case _ if "upgrade" in request.headers:
            return Response(101, b"", upgraded(request))
        case _:
            return Response(422, {"errors": {"messages": ["can't be blank"]}})


def _claims(token: str | None) -> dict[str, object]:
    try:
        return peek(token or "").claims
    except Malformed:
        return {}

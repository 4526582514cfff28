"""What a local service answers is what the profile of the user's own service says it would."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.rehearse.stage import standing
from tests.support.deployments import Deployment, healthy

from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.doctor.canaries import Canaries, canaries
from keyturn.doctor.probe_answers import Reply, read
from keyturn.doctor.probe_requests import asks
from keyturn.flows.ports.rehearsal import HandshakeRefused, SocketClosed
from keyturn.flows.rehearse_clock import FastClock
from keyturn.profiles.deployment import follow
from keyturn.profiles.request import Credential, CredentialKind
from keyturn.profiles.verdict import Outcome
from keyturn.wiring.rehearsal import LocalStage

pytestmark = pytest.mark.timeout(300)
TOPIC = "realtime:room"


def broken(folder: Path, name: str) -> Deployment:
    """Return a deployment with one thing wrong, or healthy."""
    era = name.partition(" ")[0]
    made = healthy(folder, era, asymmetric="hs256" not in name and era.startswith("2026"))
    if "unwired" in name:
        for service, setting in (("realtime", "API_JWT_JWKS"), ("storage", "JWT_JWKS")):
            made.comment_setting(service, setting)
    if "no translation" in name:
        made.set("ANON_KEY_ASYMMETRIC", "").set("SERVICE_ROLE_KEY_ASYMMETRIC", "")
    if "open functions" in name:
        made.set("FUNCTIONS_VERIFY_JWT", "false")
    return made


@pytest.mark.parametrize(
    "name",
    [
        "2023-kong",
        "2025-kong",
        "2026-kong",
        "2026-envoy",
        "2026-envoy hs256",
        "2026-kong unwired",
        "2026-kong no translation",
        "2026-envoy no translation",
        "2026-envoy open functions",
    ],
)
async def test_every_credential_at_every_service_gets_what_the_profiles_foresee(
    tmp_path: Path, name: str
) -> None:
    broken(tmp_path, name)
    async with standing(tmp_path) as (stage, clock):
        found = stage.inventory()
        held = canaries(found, clock(), os.urandom, include_service_role=True)
        present = [kind for kind in VERIFIERS if found.of_kind(kind) is not None]
        wrong = [
            line
            for ask in asks(held, present, unused="none", socket_key="", with_service_role=True)
            if not ask.websocket and ask.service in present
            for line in await _compared(stage, clock, found, held, ask)
        ]
    assert not wrong, "\n".join(wrong)


async def _compared(
    stage: LocalStage, clock: FastClock, found: Inventory, held: Canaries, ask: Any
) -> list[str]:
    base = stage.address(ask.service) if ask.direct else stage.gateway
    answer = await stage.http.send(
        ask.method, f"{base}{ask.path}", headers=ask.headers, body=ask.body
    )
    verdict = follow(found, held[ask.credential], ask.service, now=clock(), direct=ask.direct)
    reading = read(
        ask.service, Reply(answer.status, answer.headers, answer.body), lambda text: text
    )
    passes = verdict.outcome in (Outcome.ACCEPTED, Outcome.OPEN, Outcome.DOWNGRADED)
    where = f"{ask.credential} at {ask.service}{' directly' if ask.direct else ''}"
    if reading.accepted is not passes:
        return [f"{where}: {answer.status} {answer.body!r}, expected {verdict}"]
    # Keyturn's Auth has sentences of its own; everybody else speaks as the original does.
    if passes or ask.service is Kind.AUTH:
        return []
    if answer.status != verdict.status or (verdict.message or "") not in _said(answer.body):
        return [f"{where}: {answer.status} {answer.body!r}, expected {verdict}"]
    return []


def _said(body: bytes) -> str:
    try:
        members = json.loads(body)
    except ValueError:
        return body.decode()
    return " ".join(str(value) for value in members.values())


class Room:
    """One socket with a channel."""

    def __init__(self, stage: LocalStage, apikey: str) -> None:
        self.stage, self.apikey = stage, apikey
        self.socket: Any = None

    async def join(self, token: str | None) -> Any:
        """Open the socket when it is not, join, and return the reply's payload."""
        if self.socket is None:
            base = self.stage.gateway.removeprefix("http")
            url = f"ws{base}/realtime/v1/websocket?apikey={self.apikey}&vsn=1.0.0"
            self.socket = await self.stage.sockets.open(url)
        return await self.say("phx_join", {"access_token": token} if token else {})

    async def say(self, event: str, payload: object) -> Any:
        """Send one message and return the payload of the next one."""
        message = {"topic": TOPIC, "event": event, "payload": payload, "ref": "1"}
        await self.socket.send(json.dumps(message))
        return await self.hear()

    async def hear(self) -> Any:
        """Return the payload of the next message."""
        return json.loads(await self.socket.receive())["payload"]


async def test_socket_takes_keys_of_both_kinds_and_no_stranger(tmp_path: Path) -> None:
    made = healthy(tmp_path, "2026-kong").keys
    async with standing(tmp_path) as (stage, clock):
        held = canaries(stage.inventory(), clock(), os.urandom, True)
        user, forged = (
            held[kind].bearer or "" for kind in (CredentialKind.USER_ES256, CredentialKind.FORGED)
        )
        for key in (made.anon, made.publishable):
            room = Room(stage, key)
            assert (await room.join(None))["status"] == "ok"
            # supabase-js sends the publishable key in the place of a token: it counts as none.
            assert (await room.join(made.publishable))["status"] == "ok"
            assert (await room.join(user))["response"]["role"] == "authenticated"
            refused = await room.join(forged)
            assert refused["status"] == "error"
            assert "JwtSignatureError" in refused["response"]["reason"]
            await room.socket.close()
        for stranger in ("sb_publishable_unknown", "nonsense"):
            with pytest.raises(HandshakeRefused) as refusal:
                await Room(stage, stranger).join(None)
            assert refusal.value.status == 401


async def test_channel_ends_with_its_token_unless_a_newer_one_comes(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    async with standing(tmp_path) as (stage, clock):
        moment = int(clock().timestamp())
        claims = {"role": "authenticated", "sub": "u", "iat": moment}
        first, second = (
            deployment.keys.ec.token({**claims, "exp": moment + life}) for life in (100, 1000)
        )
        kept, lost = (Room(stage, deployment.keys.publishable) for _ in range(2))
        for room in (kept, lost):
            assert (await room.join(first))["status"] == "ok"
        message = {"topic": TOPIC, "event": "access_token", "payload": {"access_token": second}}
        await kept.socket.send(json.dumps(message))
        assert (await kept.say("heartbeat", {}))["status"] == "ok"
        await clock.advance(110)

        ended = await lost.hear()
        assert (ended["status"], ended["extension"]) == ("error", "system")
        assert "expired" in ended["message"]
        assert (await kept.say("heartbeat", {}))["status"] == "ok"


async def test_sockets_close_when_their_container_is_created_anew(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    async with standing(tmp_path) as (stage, _):
        room = Room(stage, deployment.keys.anon)
        await room.join(None)
        await stage.services.recreate("realtime")
        with pytest.raises(SocketClosed):
            await room.hear()
        room.socket = None
        assert (await room.join(None))["status"] == "ok"


async def test_objects_belong_to_their_owner_and_signed_urls_to_whoever_has_them(
    tmp_path: Path,
) -> None:
    made = healthy(tmp_path, "2026-envoy").keys
    async with standing(tmp_path) as (stage, clock):
        held = canaries(stage.inventory(), clock(), os.urandom, True)
        owner, key = held[CredentialKind.USER_ES256], made.publishable

        async def ask(method: str, path: str, one: Credential, body: bytes | None = None) -> Any:
            headers = {"apikey": key}
            if one.bearer:
                headers["authorization"] = f"Bearer {one.bearer}"
            url = f"{stage.gateway}/storage/v1{path}"
            return await stage.http.send(method, url, headers=headers, body=body)

        path, nobody = "/object/notes/mine", Credential(None, key, None)
        assert (await ask("POST", path, owner, b"mine")).status == 200
        assert (await ask("GET", path, owner)).body == b"mine"
        assert b"row-level security" in (await ask("POST", path, nobody, b"x")).body
        # An invalid token reads as anon: no authentication error, just no object.
        forged = await ask("GET", path, held[CredentialKind.FORGED])
        assert json.loads(forged.body)["statusCode"] == "404"
        made_url = await ask("POST", "/object/sign/notes/mine", owner, b'{"expiresIn": 100}')
        signed = json.loads(made_url.body)["signedURL"]
        assert (await ask("GET", signed, nobody)).body == b"mine"
        torn = await ask("GET", signed[:-4] + "AAAA", nobody)
        assert json.loads(torn.body)["error"] == "InvalidJWT"
        other = signed.replace("notes/mine", "notes/other")
        assert json.loads((await ask("GET", other, nobody)).body)["error"] == "InvalidSignature"
        await clock.advance(101)
        late = await ask("GET", signed, nobody)
        assert json.loads(late.body)["error"] == "InvalidJWT"


async def test_signed_uploads_and_resumable_ones_need_their_token(tmp_path: Path) -> None:
    made = healthy(tmp_path, "2026-kong").keys
    async with standing(tmp_path) as (stage, _):
        base = f"{stage.gateway}/storage/v1"
        headers = {"apikey": made.secret}
        answer = await stage.http.send(
            "POST", f"{base}/object/upload/sign/notes/up", headers=headers
        )
        found = json.loads(answer.body)
        put = await stage.http.send("PUT", f"{base}{found['url']}", body=b"content")
        assert put.status == 200
        url = f"{base}/upload/resumable/sign?name=notes/up"
        for token, status in ((found["token"], 201), (found["token"][:-4] + "AAAA", 400)):
            tus = await stage.http.send("POST", url, headers={"x-signature": token})
            assert tus.status == status


async def test_s3_depends_on_the_service_key_of_the_container(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-kong")
    access = deployment.get("S3_PROTOCOL_ACCESS_KEY_ID")
    headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={access}/x/local/s3/aws4_request"}
    async with standing(tmp_path) as (stage, _):
        url = f"{stage.gateway}/storage/v1/s3"
        assert (await stage.http.send("GET", url, headers=headers)).status == 200
        stranger = {"authorization": headers["authorization"].replace(str(access), "stranger")}
        assert (await stage.http.send("GET", url, headers=stranger)).status == 403
    deployment.set("SERVICE_ROLE_KEY", deployment.keys.secret)
    async with standing(tmp_path) as (stage, _):
        refused = await stage.http.send("GET", f"{stage.gateway}/storage/v1/s3", headers=headers)
        assert refused.status == 403
        assert b"Invalid Compact JWS" in refused.body


async def test_healthcheck_and_tenants_take_the_shared_secret_only(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy")
    keys = deployment.keys
    async with standing(tmp_path) as (stage, _):
        base = stage.address(Kind.REALTIME)
        url = f"{base}/api/tenants/realtime-dev/health"
        for token, status in ((keys.anon, 200), (keys.anon_asymmetric, 403), (keys.secret, 403)):
            headers = {"authorization": f"Bearer {token}"}
            assert (await stage.http.send("GET", url, headers=headers)).status == status
        # From outside nobody reaches it, whatever they hold.
        outside = f"{stage.gateway}/realtime/v1/api/tenants/realtime-dev/health"
        headers = {"apikey": keys.anon, "authorization": f"Bearer {keys.anon}"}
        assert (await stage.http.send("GET", outside, headers=headers)).status == 403


async def test_auth_signs_with_the_keys_that_the_files_give_it_at_each_start(
    tmp_path: Path,
) -> None:
    deployment = healthy(tmp_path, "2026-envoy", asymmetric=False)
    keys = deployment.keys
    async with standing(tmp_path) as (stage, _):
        copy = stage.source.folder
        assert await _alg(stage, keys.anon) == ("HS256", None)
        moved = Deployment(copy, deployment.era, keys)
        moved.set("JWT_KEYS", f"'{keys.jwt_keys}'")
        moved.uncomment_setting("auth", "GOTRUE_JWT_KEYS")
        stage.files.version += 1
        # A container keeps its environment until it is created anew.
        assert await _alg(stage, keys.anon) == ("HS256", None)
        await stage.services.recreate("auth")
        assert await _alg(stage, keys.anon) == ("ES256", keys.ec.kid)


async def _alg(stage: LocalStage, apikey: str) -> tuple[str, str | None]:
    body = json.dumps({"email": f"{os.urandom(6).hex()}@x.example", "password": "long enough"})
    answer = await stage.http.send(
        "POST",
        f"{stage.gateway}/auth/v1/signup",
        headers={"apikey": apikey, "content-type": "application/json"},
        body=body.encode(),
    )
    token = json.loads(answer.body)["access_token"]
    head = token.split(".")[0]
    header = json.loads(_padded(head))
    return header["alg"], header.get("kid")


def _padded(segment: str) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


async def test_a_service_that_would_not_start_stays_away(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-kong")
    deployment.set("JWT_KEYS", "'{\"keys\":[]}'")
    async with standing(tmp_path) as (stage, _):
        assert "auth does not start" in (stage.why_down(Kind.AUTH) or "")
        headers = {"apikey": deployment.keys.anon}
        answer = await stage.http.send("GET", f"{stage.gateway}/auth/v1/settings", headers=headers)
        assert answer.status == 502
        assert stage.why_down(Kind.REST) is None


async def test_time_is_the_same_for_all(tmp_path: Path) -> None:
    healthy(tmp_path, "2026-envoy")
    async with standing(tmp_path) as (stage, clock):
        held = canaries(stage.inventory(), clock(), os.urandom, True)
        user = held[CredentialKind.USER_ES256]
        await clock.advance(timedelta(minutes=5).total_seconds())
        found = [
            await stage.http.send(ask.method, f"{stage.gateway}{ask.path}", headers=ask.headers,
                                  body=ask.body)
            for ask in asks({CredentialKind.USER_ES256: user}, (), unused="none", socket_key="")
        ]  # fmt: skip
    assert [answer.status for answer in found] == [403, 401, 401, 400, 401]

"""`keyturn check` against deployments that are right, and wrong in one way each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from keyturn.errors import KeyturnError, Unreachable
from keyturn.flows.check import CHECKS, Report, check
from keyturn.flows.check_result import Check, Verdict, passed, summary
from keyturn.flows.check_target import Target
from keyturn.flows.ports.http import HttpAnswer
from keyturn.jose.jwks import KeySet, public_jwks
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey, generate, private_jwk, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
KEY = generate("ES256", kid="k1")
OTHER = generate("ES256", kid="k2")
USER = "0965e435-9173-433a-9736-f92d20b20917"


@dataclass
class Deployment:
    """A small deployment in memory that answers like GoTrue and PostgREST; each field is a flaw."""

    signer: SigningKey = KEY
    published: list[SigningKey] = field(default_factory=lambda: [KEY])
    cache_control: str | None = "public, max-age=600"
    etag: str | None = '"e1"'
    honours_etag: bool = True
    leaks_private: bool = False
    auth_accepts: Callable[[str], bool] | None = None
    rest_accepts: Callable[[str], bool] | None = None
    life: int = 3600
    sign_up_status: int = 200
    delete_status: int = 200
    down: bool = False
    answers: list[tuple[str, str]] = field(default_factory=list)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Answer one request."""
        if self.down:
            raise Unreachable("nothing listens")
        path = urlsplit(url).path
        self.answers.append((method, path))
        status, document, extra = self._route(method, path, dict(headers or {}))
        return HttpAnswer(status, extra, json.dumps(document).encode(), 0.001)

    def _route(
        self, method: str, path: str, headers: dict[str, str]
    ) -> tuple[int, object, dict[str, str]]:
        if path == "/auth/v1/.well-known/jwks.json":
            return self._jwks(headers)
        if headers.get("apikey") not in {"pub", "sec"}:
            return 401, {"message": "Invalid API key"}, {}
        if path == "/auth/v1/signup":
            return self.sign_up_status, self._grant(), {}
        if path == "/auth/v1/token":
            return 200, self._grant(), {}
        if path.startswith("/auth/v1/admin/users/"):
            return self.delete_status, {}, {}
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if path == "/auth/v1/user":
            good = (self.auth_accepts or self.genuine)(token)
            return (200, {"id": USER}, {}) if good else (403, {"error_code": "bad_jwt"}, {})
        good = (self.rest_accepts or self.genuine)(token)
        return (200, [{"id": 1}], {}) if good else (401, {"code": "PGRST301"}, {})

    def _jwks(self, headers: dict[str, str]) -> tuple[int, object, dict[str, str]]:
        document = public_jwks(key.verifying_key() for key in self.published)
        if self.leaks_private:
            document = {"keys": [json.loads(reveal(private_jwk(KEY)))]}
        extra = {} if self.cache_control is None else {"cache-control": self.cache_control}
        if self.etag:
            extra["etag"] = self.etag
            if self.honours_etag and headers.get("if-none-match") == self.etag:
                return 304, {}, extra
        return 200, document, extra

    def _grant(self) -> dict[str, object]:
        claims = {
            "sub": USER,
            "role": "authenticated",
            "aud": "authenticated",
            "iat": int(NOW.timestamp()),
            "exp": int((NOW + timedelta(seconds=self.life)).timestamp()),
        }
        return {"access_token": encode(claims, self.signer), "user": {"id": USER}}

    def genuine(self, token: str) -> bool:
        """Whether ``token`` was really signed by the signer."""
        rules = Policy(algorithms=frozenset({self.signer.alg}), issuer=None, audience=None)
        try:
            verify(token, KeySet((self.signer.verifying_key(),)), rules, now=NOW)
        except KeyturnError:
            return False
        return True


def anything(token: str) -> bool:
    """Accept every token: what a broken verifier does."""
    return bool(token)


TARGET = Target("http://api", api_key="pub", email="a@b.c", password="pw", table="notes")


async def run(deployment: Deployment, target: Target = TARGET) -> Report:
    """Check ``deployment`` at the fixed time."""
    seen: list[Check] = []
    report = await check(target, deployment, lambda: NOW, seen.append)
    assert list(report.checks) == seen
    return report


async def test_a_sound_deployment_passes_every_check() -> None:
    """All lines hold, nothing is left out, and the summary says so."""
    report = await run(Deployment())

    assert [c.verdict for c in report.checks] == [Verdict.PASSED] * len(CHECKS)
    assert passed(report.checks)
    assert summary(report.checks).startswith(f"{len(CHECKS)} of {len(CHECKS)} checks passed")


def shared() -> SigningKey:
    """Return a legacy HS256 secret as a key."""
    return signing_key_from_secret(Secret(b"x" * 40), kid=None)


def hmac_with_public_key(token: str) -> bool:
    """Accept HS256, as a verifier that lets the header choose the algorithm."""
    return Deployment().genuine(token) or json.loads(_header(token))["alg"] == "HS256"


def unsigned(token: str) -> bool:
    """Accept alg none."""
    return Deployment().genuine(token) or json.loads(_header(token))["alg"] == "none"


def _header(token: str) -> bytes:
    import base64

    segment = token.split(".")[0]
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


# What is wrong with the deployment -> the check that fails, and a word of its sentence.
FLAWS: dict[str, tuple[Deployment, str, str]] = {
    "signs with a shared secret": (
        Deployment(signer=shared()), "asymmetric algorithm", "HS256"),
    "signs with a key that is not published": (
        Deployment(signer=OTHER), "signature", "k2"),
    "publishes nothing": (Deployment(published=[]), "published JWKS", "no usable"),
    "publishes the private half": (
        Deployment(leaks_private=True), "published JWKS", "private key material (d)"),
    "forbids caching": (Deployment(cache_control="no-store"), "JWKS caching", "no-store"),
    "says nothing about caching": (Deployment(cache_control=None), "JWKS caching", "missing"),
    "a fetch for every token": (
        Deployment(cache_control="max-age=0"), "one fetch for two verifications", "2 fetches"),
    "lets caches keep it for a year": (
        Deployment(cache_control="max-age=31536000"), "JWKS caching", "revoked key"),
    "ignores its own ETag": (Deployment(honours_etag=False), "JWKS caching", "200 instead of 304"),
    "hands out expired tokens": (Deployment(life=-3600), "signature", "expired"),
    "Auth takes any token": (
        Deployment(auth_accepts=anything), "forged tokens are refused", "Auth did not refuse"),
    "REST takes any token": (
        Deployment(rest_accepts=anything), "forged tokens are refused", "REST did not refuse"),
    "Auth takes unsigned tokens": (
        Deployment(auth_accepts=unsigned), "forged tokens are refused", 'alg "none"'),
    "REST lets the header choose the algorithm": (
        Deployment(rest_accepts=hmac_with_public_key), "forged tokens are refused", "HS256"),
    "REST refuses good tokens": (
        Deployment(rest_accepts=lambda _: False), "REST accepts the token", "PGRST301"),
    "Auth refuses its own tokens": (
        Deployment(auth_accepts=lambda _: False), "Auth accepts the token", "bad_jwt"),
}  # fmt: skip


@pytest.mark.parametrize(("deployment", "name", "word"), FLAWS.values(), ids=list(FLAWS))
async def test_each_flaw_is_found(deployment: Deployment, name: str, word: str) -> None:
    """The check that is about the flaw fails, in words that name it."""
    report = await run(deployment)

    failed = {c.name: c.detail for c in report.checks if c.verdict is Verdict.FAILED}
    assert name in failed
    assert word in failed[name]
    assert not passed(report.checks)


async def test_an_expired_token_is_not_used_further() -> None:
    """A check whose condition does not hold is not run, and says what it needs."""
    report = await run(Deployment(signer=shared()))

    lines = {c.name: c for c in report.checks}
    assert lines["signature"].verdict is Verdict.NOT_RUN
    assert "asymmetric algorithm" in lines["signature"].detail


async def test_without_a_table_rest_is_left_alone() -> None:
    """What was not asked for is not run, and is no failure."""
    deployment = Deployment()
    report = await run(deployment, Target("http://api", "pub", "a@b.c", "pw"))

    assert passed(report.checks)
    assert "1 not run" in summary(report.checks)
    assert not any(path.startswith("/rest") for _, path in deployment.answers)


async def test_a_throw_away_user_is_made_and_deleted() -> None:
    """With the secret key at hand nothing is left behind."""
    deployment = Deployment()
    target = Target("http://api", "pub", "t@b.c", "pw", throw_away=True, secret_key="sec")
    report = await run(deployment, target)

    assert ("POST", "/auth/v1/signup") in deployment.answers
    assert deployment.answers[-1] == ("DELETE", f"/auth/v1/admin/users/{USER}")
    assert report.note == "The user t@b.c that was made for this check was deleted."


async def test_a_throw_away_user_that_remains_is_mentioned() -> None:
    """Without the secret key the report says what is left and how to avoid it."""
    target = Target("http://api", "pub", "t@b.c", "pw", throw_away=True)
    report = await run(Deployment(), target)

    assert report.note is not None
    assert "remains" in report.note
    assert "KEYTURN_SECRET_KEY" in report.note


async def test_closed_sign_up_asks_for_a_user() -> None:
    """When nobody may sign up the hint says how to name a user."""
    target = Target("http://api", "pub", "t@b.c", "pw", throw_away=True)
    report = await run(Deployment(sign_up_status=422), target)

    assert report.checks[0].verdict is Verdict.FAILED
    assert "--email" in (report.checks[0].hint or "")


async def test_a_missing_api_key_is_explained() -> None:
    """The gateway's 401 leads to the option that is missing, with a user or without one."""
    for throw_away in (False, True):
        target = Target("http://api", None, "a@b.c", "pw", throw_away=throw_away)
        report = await run(Deployment(), target)

        assert report.checks[0].verdict is Verdict.FAILED
        assert "--apikey-file" in (report.checks[0].hint or "")
        assert "--email" not in (report.checks[0].hint or "")


async def test_nothing_there_is_unreachable() -> None:
    """A deployment that does not answer is not a failed check but exit code 4."""
    with pytest.raises(Unreachable):
        await run(Deployment(down=True))


async def test_secrets_stay_out_of_the_report() -> None:
    """Neither the token, the password nor a key is in any line."""
    deployment = Deployment()
    target = Target("http://api", "pub", "a@b.c", "hunter2hunter2", table="notes")
    report = await run(deployment, target)

    text = repr(report) + repr(target)
    assert "hunter2" not in text
    assert str(deployment._grant()["access_token"]).rsplit(".", 1)[0] not in text

"""Checks of the published JWKS: what is in it, how it may be cached, how often it is fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping

from keyturn.errors import KeyturnError
from keyturn.flows.check_result import CheckFailed, Finding
from keyturn.flows.check_run import Run
from keyturn.flows.check_target import complaint, read_json
from keyturn.flows.check_token import policy
from keyturn.flows.ports.http import HttpAnswer
from keyturn.jose.jwks import KeySet
from keyturn.verify.token import verify

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LONGEST_MAX_AGE = 24 * 3600


async def published(run: Run) -> Finding:
    """The JWKS is there, holds usable public keys, and nothing secret."""
    answer = await run.deployment.jwks()
    if answer.status != 200:
        raise CheckFailed(f"The JWKS endpoint answered {complaint(answer)}.")
    document = read_json(answer, "The JWKS endpoint")
    _no_secrets(document)
    keys = KeySet.parse_published(answer.body)
    if not len(keys):
        raise CheckFailed(
            "The JWKS holds no usable public key.",
            hint="Auth signs with a shared secret, or its keys were not configured.",
        )
    run.jwks, run.keys, run.etag = document, keys, answer.headers.get("etag")
    names = [f"{key.alg} {key.kid}" for key in keys]
    facts = {"keys": [{"alg": key.alg, "kid": key.kid} for key in keys]}
    plural = "key" if len(names) == 1 else "keys"
    return Finding(f"{len(names)} {plural}: {', '.join(names)}", facts)


def _no_secrets(document: Mapping[str, object]) -> None:
    members = document.get("keys")
    for key in members if isinstance(members, list) else []:
        found = _PRIVATE_MEMBERS & key.keys() if isinstance(key, dict) else set()
        if found:
            raise CheckFailed(
                f"The JWKS publishes private key material ({', '.join(sorted(found))}).",
                hint="Treat that key as stolen: rotate and revoke it now.",
            )


async def caching(run: Run) -> Finding:
    """The JWKS may be cached by all, for a bounded time, and is not sent again unchanged."""
    answer = await run.deployment.jwks()
    control = answer.headers.get("cache-control", "")
    age = _max_age(control)
    if age is None or "no-store" in control:
        raise CheckFailed(
            f"The JWKS may not be cached (Cache-Control: {control or 'missing'}).",
            hint="Without max-age every verifier asks Auth for each token.",
        )
    if age > _LONGEST_MAX_AGE:
        raise CheckFailed(f"The JWKS may be cached for {age} s; a revoked key would live on.")
    again = await _unchanged(run, answer)
    detail = f"Cache-Control: {control}; {again}"
    return Finding(detail, {"max_age": age, "etag": answer.headers.get("etag")})


def _max_age(control: str) -> int | None:
    found = re.search(r"\bmax-age=(\d{1,9})", control)
    return int(found[1]) if found and int(found[1]) > 0 else None


async def _unchanged(run: Run, answer: HttpAnswer) -> str:
    etag = answer.headers.get("etag")
    if not etag:
        return "no ETag"
    again = await run.deployment.jwks({"if-none-match": etag})
    if again.status != 304:
        raise CheckFailed(f"The JWKS has an ETag but answered {again.status} instead of 304.")
    return "ETag answered with 304"


class _CountingKeys:
    """A verifier's cache, as small as one can be: fetch when empty, count the fetches."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._keys: KeySet | None = None
        self.fetches = 0

    async def get(self) -> KeySet:
        """Return the cached keys, fetching them the first time."""
        if self._keys is None:
            self.fetches += 1
            answer = await self._run.deployment.jwks()
            age = _max_age(answer.headers.get("cache-control", ""))
            keys = KeySet.parse_published(answer.body)
            if age is None:
                return keys
            self._keys = keys
        return self._keys


async def one_fetch(run: Run) -> Finding:
    """A verifier that respects the caching headers fetches once for two verifications."""
    cache = _CountingKeys(run)
    for _ in range(2):
        try:
            verify(run.token, await cache.get(), policy(), now=run.clock())
        except KeyturnError as refused:
            raise CheckFailed(f"The token was not accepted: {refused.message}.") from refused
    if cache.fetches != 1:
        raise CheckFailed(f"Two verifications caused {cache.fetches} fetches of the JWKS.")
    return Finding("two verifications, one fetch", {"fetches": cache.fetches})

"""Checks of the token itself: what it says, which algorithm, whether forgeries are refused."""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.flows.check_forgeries import forgeries
from keyturn.flows.check_result import CheckFailed, Finding
from keyturn.flows.check_run import Run
from keyturn.flows.check_target import complaint
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.jwt import peek
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

_ASYMMETRIC = frozenset(name for name, row in ALGORITHMS.items() if not row.symmetric)
# Clocks of two machines that nobody set apart on purpose.
_LEEWAY_SECONDS = 30


async def show_token(run: Run) -> Finding:
    """The token is a JWT; show what it says before anything is verified."""
    seen = peek(run.token)
    role, aud = seen.claims.get("role"), seen.claims.get("aud")
    detail = f"role {role}, audience {aud}, {_life(seen.claims)}"
    return Finding(detail, {"header": seen.header, "claims": seen.claims})


def _life(claims: Mapping[str, object]) -> str:
    issued, expires = claims.get("iat"), claims.get("exp")
    if isinstance(issued, int) and isinstance(expires, int):
        return f"valid for {expires - issued} s"
    return "without a lifetime"


async def algorithm(run: Run) -> Finding:
    """Tokens are signed with a private key, and name it."""
    header = peek(run.token).header
    name, kid = header.get("alg"), header.get("kid")
    if name not in _ASYMMETRIC:
        raise CheckFailed(
            f"The token is signed with {name}: whoever can verify it can also forge it.",
            hint="Promote an asymmetric key: `keyturn keys list`, then `keyturn keys rotate`.",
        )
    if not isinstance(kid, str):
        raise CheckFailed("The token names no key (kid), so verifiers cannot choose one.")
    return Finding(f"{name}, key {kid}", {"alg": name, "kid": kid})


async def signature(run: Run) -> Finding:
    """The token verifies against the published JWKS, as a third party would do it."""
    claims = verify(run.token, run.key_set, policy(), now=run.clock())
    return Finding(f"verified; issuer {claims.get('iss', 'not named')}")


def policy() -> Policy:
    """Return what a third party would accept: any asymmetric key of the JWKS, not expired."""
    return Policy(
        algorithms=_ASYMMETRIC,
        issuer=None,
        audience=None,
        leeway=_LEEWAY_SECONDS,
        require=frozenset({"exp", "sub", "role"}),
    )


async def refuse_forgeries(run: Run) -> Finding:
    """Auth, and the table's REST service, answer forgeries with 401 or 403."""
    kid = peek(run.token).header.get("kid")
    key = run.key_set.get(kid) if isinstance(kid, str) else None
    tried = forgeries(run.token, key.public_jwk() if key else None)
    for forgery in tried:
        await _expect_refusal(run, forgery.name, forgery.token)
    where = "Auth and REST" if run.target.table else "Auth"
    return Finding(f"{len(tried)} kinds refused by {where}", {"tried": [f.name for f in tried]})


async def _expect_refusal(run: Run, name: str, token: str) -> None:
    answers = {"Auth": await run.deployment.auth("GET", "/user", token=token)}
    if run.target.table is not None:
        answers["REST"] = await run.deployment.table(run.target.table, token)
    for service, answer in answers.items():
        if answer.status not in {401, 403}:
            raise CheckFailed(
                f"{service} did not refuse a token with {name}: {complaint(answer)}.",
                hint="Anybody can forge tokens for this deployment. Take it off the network.",
            )

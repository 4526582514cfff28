"""Differential fuzzing: three judges, one token. Bounded here; more with ``FUZZ_EXAMPLES``."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.differential import oracles
from tests.differential.differences import (
    DIFFERENCES,
    OURS_STRICTER,
    OURS_WIDER,
    Difference,
)
from tests.differential.samples import (
    CLAIMS,
    NAMED,
    SPELLINGS,
    Sample,
    b64,
    samples,
)

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "600"))
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")


def unexplained(sample: Sample) -> str | None:
    """What about the three verdicts on ``sample`` no row explains."""
    ours = oracles.keyturn(sample.token)
    theirs = {
        "joserfc": oracles.joserfc(sample.token),
        "PyJWT": oracles.pyjwt_verdict(sample.token),
    }
    if ours.accepted:
        if not any(verdict.accepted for verdict in theirs.values()):
            return f"accepted although both refuse: {theirs}"
        for name, verdict in theirs.items():
            if verdict.accepted and dict(verdict.claims or {}) != dict(ours.claims or {}):
                return f"other claims than {name}"
    differing = {name: it for name, it in theirs.items() if it.accepted != ours.accepted}
    side = OURS_WIDER if ours.accepted else OURS_STRICTER
    rows = [row for row in DIFFERENCES if row.side == side and ours.why in row.codes]
    if differing and not any(row.applies(sample) for row in rows):
        return f"{ours.why or 'accepted'}, but {differing}"
    return None


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(samples())
def test_no_verdict_differs_without_a_reason(sample: Sample) -> None:
    assert unexplained(sample) is None


def token_of(
    alg: str = "ES256",
    *,
    header: dict[str, Any] | None = None,
    claims: dict[str, Any] | None = None,
    spelling: str = "as it is",
    after: str = "",
) -> Sample:
    """A truly signed token with these changes."""
    key = NAMED[alg]
    raw_header = json.dumps({"alg": alg, "kid": key.kid, "typ": "JWT", **(header or {})}).encode()
    raw_payload = SPELLINGS[spelling](json.dumps({**CLAIMS, **(claims or {})}).encode())
    signing_input = f"{b64(raw_header)}.{b64(raw_payload)}"
    signature = b64(key.sign(signing_input.encode()))
    return Sample(f"{signing_input}.{signature}{after}", raw_header, raw_payload)


@pytest.mark.parametrize("alg", sorted(NAMED))
def test_honest_tokens_are_accepted_by_all_three(alg: str) -> None:
    token = token_of(alg).token
    assert oracles.keyturn(token).accepted
    assert oracles.joserfc(token).accepted
    assert oracles.pyjwt_verdict(token).accepted


WITNESSES = {
    "JSON that is not UTF-8": token_of(spelling="UTF-16"),
    "a member name twice": token_of(spelling="a name twice"),
    "NaN, Infinity, or a number beyond doubles": token_of(claims={"n": float("nan")}),
    "NUL or a lone surrogate in a string": token_of(spelling="a NUL"),
    "nested deeper than 32 levels": token_of(spelling="forty levels"),
    "a header longer than 2048 characters": token_of(header={"x": "x" * 3000}),
    "padding after base64url": token_of(after="=="),
    '"typ" of another kind of token': token_of(header={"typ": "logout+jwt"}),
    '"cty" in the header': token_of(header={"cty": "JWT"}),
    'any "crit" or "b64"': token_of(header={"crit": []}),
    "a time that is no number of seconds before the year 10000": token_of(claims={"nbf": -1}),
    '"iss", "sub", "jti", "role" or "session_id" that is not text': token_of(claims={"role": 1}),
    '"role" longer than 63 bytes': token_of(claims={"role": "r" * 64}),
    'the name "Ed25519" for EdDSA': token_of("EdDSA", header={"alg": "Ed25519"}),
    "a header between 512 and 2048 characters": token_of(header={"x": "x" * 900}),
}


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row.name)
def test_every_row_still_explains_a_difference(row: Difference) -> None:
    sample = WITNESSES[row.name]
    ours = oracles.keyturn(sample.token)
    theirs = oracles.joserfc(sample.token), oracles.pyjwt_verdict(sample.token)
    assert row.applies(sample)
    assert ours.why in row.codes
    assert any(verdict.accepted != ours.accepted for verdict in theirs)


def test_the_table_in_the_documents_is_this_one() -> None:
    page = (ROOT / "docs/reference/verifier-differences.md").read_text()
    shown = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    rows = [(row.side, row.name, row.reason) for row in DIFFERENCES]
    assert [row for row in shown if row[0] in {OURS_STRICTER, OURS_WIDER}] == rows

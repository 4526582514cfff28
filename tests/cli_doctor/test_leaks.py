"""No secret of a deployment is in any output, whatever is broken in it and whatever is asked."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli_doctor.faults import CASES, broken
from tests.cli_doctor.test_doctor import EC_CLAIMS
from tests.support.command import RunWith
from tests.support.deployments import Deployment

# The report's own forms are searched for every fault in test_every_fault.
ASKED = (
    ("--json",),
    ("--fix", "--json"),
    ("--error", "Invalid JWT"),
    ("--explain", "storage/user-hs256"),
)
# Values of .env that are no secrets, although they are long.
_PUBLIC = re.compile(r"URL|HOST|SCHEMAS|USERNAME|EXPIRY|VERIFY_JWT|POSTGRES_(?:DB|PORT)")


def secrets_of(deployment: Deployment) -> Iterator[str]:
    """Everything that must not be printed: keys, tokens and their parts, passwords."""
    keys = deployment.keys
    yield from (keys.jwt_secret, keys.anon, keys.service_role, keys.publishable, keys.secret)
    yield from (keys.anon_asymmetric, keys.service_role_asymmetric)
    yield from (str(keys.ec.jwk(private=True)["d"]), str(keys.oct["k"]))
    yield from (line for line in keys.ec.pem.splitlines() if "-----" not in line)
    for token in (keys.anon, keys.service_role, keys.anon_asymmetric):
        yield token.rpartition(".")[2]
    for line in _env(deployment):
        name, _, value = line.partition("=")
        if len(value) >= 12 and not name.startswith("#") and not _PUBLIC.search(name):
            yield value.strip("'\"")


def leaked(deployment: Deployment, printed: str) -> list[str]:
    """Return the secrets of a deployment that stand in what was printed."""
    return [secret for secret in secrets_of(deployment) if _stands_in(secret, printed)]


def _env(deployment: Deployment) -> list[str]:
    path = deployment.folder / ".env"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
@pytest.mark.parametrize("name", CASES)
def test_no_secret_is_printed(
    name: str, asked: tuple[str, ...], doctor: RunWith, tmp_path: Path
) -> None:
    deployment = broken(name, tmp_path / "deployment")
    seen = doctor(str(deployment.folder), *asked)
    printed = seen.out + seen.err
    assert printed
    assert leaked(deployment, printed) == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_followed_token_is_not_printed(form: str, doctor: RunWith, tmp_path: Path) -> None:
    deployment = broken("replaced-key", tmp_path / "deployment")
    for token in (deployment.keys.ec.token(EC_CLAIMS), deployment.keys.secret):
        seen = doctor(str(deployment.folder), "--token-file", "-", "--format", form, stdin=token)
        printed = seen.out + seen.err
        held = (*secrets_of(deployment), token, *token.split("."))
        assert [secret for secret in held if _stands_in(secret, printed)] == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(CASES)),
    variable=st.sampled_from(
        ["JWT_SECRET", "JWT_KEYS", "JWT_JWKS", "ANON_KEY", "API_EXTERNAL_URL"]
    ),
    before=st.sampled_from(["", "{", "[", "'", '"', "{{", "$", "${", "sb_secret_", " "]),
    after=st.sampled_from(["", "}", "]", "]}}", "'", " # x", "$X", ",", "\\"]),
    form=st.sampled_from(["text", "json", "sarif", "markdown"]),
)
def test_no_secret_is_printed_of_a_bent_value(
    doctor: RunWith, name: str, variable: str, before: str, after: str, form: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        deployment = broken(name, Path(folder) / "deployment")
        if not (deployment.folder / ".env").exists():
            return
        value = f"{deployment.get(variable) or 'nothing-to-see-here'}"
        deployment.set(variable, f"{before}{value}{after}")
        seen = doctor(str(deployment.folder), "--format", form)
        assert seen.code in (0, 1, 2)
        printed = seen.out + seen.err
        assert leaked(deployment, printed) == []


def _stands_in(secret: str, printed: str) -> bool:
    """Whether the text is there, also escaped as JSON writes it."""
    return bool(secret) and (secret in printed or json.dumps(secret)[1:-1] in printed)

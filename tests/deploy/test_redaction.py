"""What of a template may be seen, and which names may be spoken."""

from __future__ import annotations

import pytest

from keyturn.deploy.names import speakable
from keyturn.deploy.redaction import shown, skeleton


@pytest.mark.parametrize(
    ("name", "template", "expected"),
    [
        ("PGRST_JWT_SECRET", "${JWT_JWKS:-${JWT_SECRET}}", "${JWT_JWKS:-${JWT_SECRET}}"),
        ("API_JWT_JWKS", '${JWT_JWKS:-{"keys":[]}}', '${JWT_JWKS:-{"keys":[]}}'),
        ("GOTRUE_JWT_KEYS", "${JWT_KEYS:-[]}", "${JWT_KEYS:-[]}"),
        ("SUPABASE_SECRET_KEYS", '{"default":"${A_B:-}"}', '{"default":"${A_B:-}"}'),
        ("GOTRUE_JWT_EXP", "${JWT_EXPIRY:-3600}", "${JWT_EXPIRY:-3600}"),
        ("JWT_SECRET", "${JWT_SECRET:-hunter2}", "${JWT_SECRET:-…}"),
        ("JWT_SECRET", "${A_B:?set hunter2}", "${A_B:?…}"),
        ("JWT_SECRET", "hunter2${A_B}hunter3", "…${A_B}…"),
        ("JWT_SECRET", "$A_B", "$A_B"),
        ("JWT_SECRET", "pa$Xy7", "…$…"),
        ("PORT", "pa$Xy7", "pa$…"),
        ("DATABASE_URL", "postgres://u:hunter2@${H_H}/db", "…${H_H}…"),
        ("TARGET", "redis://u:hunter2@${H_H}/1", "redis://…@${H_H}/1"),
        ("ANYTHING", "x-abcdefgh12345678-${A_B}", "…${A_B}"),
        ("ANYTHING", "short-${A_B}", "short-${A_B}"),
    ],
)
def test_literals_that_could_be_secrets_are_hidden(name: str, template: str, expected: str) -> None:
    assert shown(name, template) == expected


def test_a_name_that_is_known_is_shown() -> None:
    assert shown("A", "$Xy7", frozenset({"Xy7"})) == "$Xy7"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("curl -u admin:hunter2 ${URL_A} -v", "…${URL_A}…"),
        ("a Authorization: Bearer ${K_K}", "…Authorization: Bearer ${K_K}"),
        ("${K_K:-hunter2}", "…${K_K:-…}"),
    ],
)
def test_of_a_command_only_the_variables_are_shown(line: str, expected: str) -> None:
    assert skeleton(line) == expected


@pytest.mark.parametrize(
    "name",
    [
        "JWT_SECRET",
        "S3_PROTOCOL_ACCESS_KEY_ID",
        "PORT",
        "APP",
        "http_proxy",
        "tls.crt",
        "anonKey",
        "_",
    ],
)
def test_names_of_things(name: str) -> None:
    assert speakable(name)


@pytest.mark.parametrize(
    "name",
    [
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA",
        "93b415bed1295308081905789d4fedeb",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "x" * 65,
        "",
        "a b",
    ],
)
def test_pieces_of_secrets(name: str) -> None:
    assert not speakable(name)


def test_a_loose_name_must_be_a_name_beyond_doubt() -> None:
    assert speakable("JWT_SECRET", braced=False)
    assert not speakable("SECRET", braced=False)
    assert not speakable("Xy7word", braced=False)

"""One malformed value, five ways to take it (services.md §0.4, §3a, §4a, §5a, §6a, §7a)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.profiles.scene import (
    EC,
    JWT_SECRET,
    LEGACY,
    MAIN_V2,
    NOW,
    STANDARD,
    ec,
    octets,
    private,
    public,
    request,
    token,
)

from keyturn.deploy.inventory import Kind
from keyturn.jose.keys import private_pem, signing_key_from_secret
from keyturn.profiles import auth, functions, keyset, realtime, rest, storage
from keyturn.profiles.keyset import Broken, Form
from keyturn.profiles.verdict import Outcome, StartFailure, Verdict
from keyturn.secret import Secret
from keyturn.secret_access import reveal

PEM = reveal(private_pem(EC)).decode()
ARRAY_OF_PUBLIC = json.dumps([public(EC), octets(JWT_SECRET)])
SINGLE = json.dumps(public(EC))
CANNOT_PARSE = "Unable to parse JWT_JWKS value to JSON"
DECODE_ERROR = "** (Jason.DecodeError)"
CAST_ERROR = "jwt_jwks: is invalid, type: :map"


@dataclass(frozen=True)
class Row:
    """One value of a verifier's key setting; the texts are what stops the service."""

    title: str
    text: str
    rest: Form
    """What PostgREST takes it for; it never stops."""
    realtime: str | None = None
    storage: str | None = None
    functions: Form | str = Form.USELESS
    storage_form: Form = Form.USELESS
    realtime_form: Form = Form.USELESS


def bent(**members: object) -> str:
    """The usual set with one bad member in its EC key."""
    return json.dumps({"keys": [public(EC, **members), octets(JWT_SECRET)]})


def padded(**changes: str) -> str:
    """The usual set with one bad member in its oct key."""
    return json.dumps({"keys": [public(EC), octets(JWT_SECRET, **changes)]})


ROWS = (
    Row("a brace too many", STANDARD.jwks + "}", Form.SECRET, DECODE_ERROR, CANNOT_PARSE),
    Row("a brace too few", STANDARD.jwks[:-1], Form.SECRET, DECODE_ERROR, CANNOT_PARSE),
    Row("single quotes left around it", f"'{STANDARD.jwks}'", Form.SECRET, DECODE_ERROR,
        CANNOT_PARSE),
    Row("quotes lost", STANDARD.jwks.replace('"', ""), Form.SECRET, DECODE_ERROR, CANNOT_PARSE),
    Row("a PEM", PEM, Form.SECRET, DECODE_ERROR, CANNOT_PARSE),
    Row("an array", ARRAY_OF_PUBLIC, Form.SECRET, CAST_ERROR),
    Row("Auth's own array", STANDARD.array, Form.SECRET, CAST_ERROR),
    Row("empty", "", Form.ABSENT, DECODE_ERROR, None, Form.ABSENT, Form.ABSENT),
    Row("blank", "  ", Form.SECRET, DECODE_ERROR, CANNOT_PARSE),
    Row("an empty set", '{"keys":[]}', Form.SET, functions=Form.SET, storage_form=Form.SET,
        realtime_form=Form.SET),
    Row("no list inside", '{"kid":"x"}', Form.SECRET),
    Row("an empty object", "{}", Form.SECRET, storage_form=Form.ABSENT),
    Row("one key without a list", SINGLE, Form.SINGLE),
    Row("a text in JSON", '"secret"', Form.SECRET, CAST_ERROR),
    Row("null", "null", Form.SECRET, realtime_form=Form.ABSENT, storage_form=Form.ABSENT),
    Row("the article's shape", json.dumps({"keys": [{"alg": "ES256", "key_id": "x",
        "private_key": PEM}]}), Form.SET, functions=Form.SET, storage_form=Form.SET,
        realtime_form=Form.SET),
    Row("a member that is no object", '{"keys":["x"]}', Form.SECRET,
        functions="JWKSInvalid: JSON Web Key Set malformed", storage_form=Form.SET,
        realtime_form=Form.SET),
    Row("a padded k: the whole set is lost for PostgREST", padded(k=f"{octets('a' * 32)['k']}=="),
        Form.SECRET, functions=Form.SET, storage_form=Form.SET, realtime_form=Form.SET),
    Row("k is the secret itself", padded(k=JWT_SECRET + "+/"), Form.SECRET, functions=Form.SET,
        storage_form=Form.SET, realtime_form=Form.SET),
    Row("a point that is none", bent(x="A" * 43), Form.SECRET, functions=Form.SET,
        storage_form=Form.SET, realtime_form=Form.SET),
    Row("use is neither sig nor enc", bent(use="signature"), Form.SECRET, functions=Form.SET,
        storage_form=Form.SET, realtime_form=Form.SET),
    Row("kid is a number", bent(kid=7), Form.SECRET, functions=Form.SET, storage_form=Form.SET,
        realtime_form=Form.SET),
    Row("an unknown type is ignored", json.dumps({"keys": [public(EC), {"kty": "AKP"}]}),
        Form.SET, functions=Form.SET, storage_form=Form.SET, realtime_form=Form.SET),
    Row("an unknown member is ignored", json.dumps({"keys": [public(EC)], "urlSigningKey": {}}),
        Form.SET, functions=Form.SET, storage_form=Form.SET, realtime_form=Form.SET),
)  # fmt: skip
IDS = [row.title for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_postgrest_never_stops(row: Row) -> None:
    assert keyset.postgrest(row.text).form is row.rest


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_realtime(row: Row) -> None:
    env = {"API_JWT_JWKS": row.text, "API_JWT_SECRET": JWT_SECRET, "SEED_SELF_HOST": "true"}
    config = realtime.read_config(env)
    assert said(config.failure) == row.realtime
    if row.realtime is None:
        assert config.keys.form is row.realtime_form


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_storage(row: Row) -> None:
    config = storage.read_config({"AUTH_JWT_SECRET": JWT_SECRET, "JWT_JWKS": row.text})
    assert said(config.failure) == row.storage
    if row.storage is None:
        assert config.jwks.keys.form is row.storage_form


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_functions_are_silent(row: Row) -> None:
    config = functions.read_config({"SUPABASE_JWKS": row.text}, MAIN_V2)
    if isinstance(row.functions, Form):
        assert (config.failure, config.keys.form) == (None, row.functions)
    else:
        assert said(config.failure) == row.functions


def said(failure: StartFailure | None) -> str | None:
    """What the service logs."""
    return None if failure is None else failure.message


# ── PostgREST: the text becomes a secret ────────────────────────────────────────────────────────


def at_rest(text: str, bearer: str, version: tuple[int, ...] = (14, 18)) -> Verdict:
    config = rest.read_config({"PGRST_JWT_SECRET": text, "PGRST_DB_ANON_ROLE": "anon"}, version)
    return rest.judge(config, request(Kind.REST, bearer), NOW)


def test_whoever_knows_the_broken_text_is_service_role() -> None:
    broken = STANDARD.jwks + "}"
    forged = token(signing_key_from_secret(Secret(broken), kid=None), {"role": "service_role"})
    verdict = at_rest(broken, forged)
    assert (verdict.outcome, verdict.role) == (Outcome.ACCEPTED, "service_role")
    assert "looks like a JWKS" in verdict.steps[0].text


@pytest.mark.parametrize("bearer", [token(EC), token(LEGACY)], ids=["ES256", "HS256"])
def test_with_a_broken_text_every_real_token_is_refused(bearer: str) -> None:
    verdict = at_rest(STANDARD.jwks + "}", bearer)
    assert (verdict.status, verdict.code) == (401, "PGRST301")
    assert verdict.message == "No suitable key or wrong key type"
    assert "its whole text became an HS256 secret" in verdict.why


@pytest.mark.parametrize(
    ("text", "version", "message"),
    [
        ("s" * 31, (14, 18), "The JWT secret must be at least 32 characters long."),
        ("s" * 31, None, "The JWT secret must be at least 32 characters long."),
        ("s" * 31, (12, 2), None),
        ("s" * 32, (13,), None),
        ("", (14, 18), None),
        ('{"keys":[]}', (14, 18), None),
    ],
)
def test_a_short_secret(text: str, version: tuple[int, ...] | None, message: str | None) -> None:
    config = rest.read_config({"PGRST_JWT_SECRET": text}, version)
    assert said(config.failure) == message


def test_without_a_secret_every_token_is_a_500() -> None:
    verdict = at_rest("", token(LEGACY))
    assert (verdict.status, verdict.code) == (500, "PGRST300")
    assert verdict.message == "Server lacks JWT secret"


def test_a_set_without_keys_is_not_a_missing_secret() -> None:
    verdict = at_rest('{"keys":[]}', token(LEGACY))
    assert (verdict.status, verdict.code) == (401, "PGRST301")


@pytest.mark.parametrize(
    ("text", "fails"), [(STANDARD.jwks, True), ("c2VjcmV0" * 8, False), ("c2VjcmV0_-" * 8, False)]
)
def test_a_base64_secret(text: str, fails: bool) -> None:
    env = {"PGRST_JWT_SECRET": text, "PGRST_JWT_SECRET_IS_BASE64": "true"}
    assert (rest.read_config(env).failure is not None) is fails


def test_a_secret_in_a_file() -> None:
    env = {"PGRST_JWT_SECRET": "@/run/jwks.json"}
    config = rest.read_config(env, (14, 18), {"/run/jwks.json": STANDARD.jwks + "\n"})
    assert config.keys.form is Form.SET
    unread = rest.judge(rest.read_config(env), request(Kind.REST, token(EC)), NOW)
    assert unread.outcome is Outcome.UNKNOWN


# ── Storage with an array ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bearer", "message"),
    [
        (token(EC), '"alg" (Algorithm) Header Parameter value not allowed'),
        (token(LEGACY, kid="any"), "jwks.keys.find is not a function"),
        (token(LEGACY), None),
    ],
    ids=["ES256", "HS256 with kid", "HS256 without kid"],
)
def test_storage_with_an_array(bearer: str, message: str | None) -> None:
    config = storage.read_config({"AUTH_JWT_SECRET": JWT_SECRET, "JWT_JWKS": ARRAY_OF_PUBLIC})
    verdict = storage.judge(config, request(Kind.STORAGE, bearer), NOW)
    assert (verdict.outcome is Outcome.ACCEPTED) is (message is None)
    assert verdict.message == message


# ── What stops a service ────────────────────────────────────────────────────────────────────────


def auth_env(**settings: str) -> Mapping[str, str]:
    return {"GOTRUE_JWT_SECRET": JWT_SECRET, **settings}


STANDBY = private(EC, ("verify",), kid="two")
AUTH_STOPS = [
    ("a JWKS object", STANDARD.jwks,
     "json: cannot unmarshal object into Go value of type []json.RawMessage"),
    ("a text", '"x"', "json: cannot unmarshal string into Go value of type []json.RawMessage"),
    ("a PEM", PEM, "invalid character '-' in numeric literal"),
    ("the article's shape", json.dumps([{"alg": "ES256", "key_id": "x", "private_key": PEM}]),
     "invalid key type from JSON ()"),
    ("empty", "", "unexpected end of JSON input"),
    ("garbage", "{", "invalid character in JSON"),
    ("nobody signs", json.dumps([STANDBY]), "no signing key detected"),
    ("key_ops missing", json.dumps([private(EC, key_ops=None)]), "no signing key detected"),
    ("two sign", json.dumps([private(EC), private(EC, kid="two")]),
     "multiple signing keys detected, only 1 signing key is supported"),
    ("a later key of the same kid replaces the signer",
     json.dumps([private(EC), private(EC, ("verify",))]), "no signing key detected"),
    ("a later key without kid replaces the signer without kid",
     json.dumps([private(EC, kid=None), octets(JWT_SECRET)]), "no signing key detected"),
    ("an element that is no object", '["x"]', "failed to unmarshal JSON into key hint"),
    ("a bad member", json.dumps([private(EC, x="A" * 43)]), "failed to unmarshal JWK"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"), [row[1:] for row in AUTH_STOPS], ids=[row[0] for row in AUTH_STOPS]
)
def test_auth_stops(text: str, message: str) -> None:
    config = auth.read_config(auth_env(GOTRUE_JWT_KEYS=text))
    assert config.failure is not None
    assert (config.failure.message, config.failure.setting) == (message, "GOTRUE_JWT_KEYS")
    verdict = auth.judge(config, request(Kind.AUTH, token(EC)), NOW)
    assert (verdict.outcome, verdict.message) == (Outcome.DOWN, message)


AUTH_STARTS = [
    ("not set", {}, "HS256", None),
    ("an empty array", {"GOTRUE_JWT_KEYS": "[]"}, "HS256", None),
    ("standby beside the signer", {"GOTRUE_JWT_KEYS": json.dumps([private(EC), STANDBY])},
     "ES256", "current"),
    ("no alg: the EC key is asked for HS256",
     {"GOTRUE_JWT_KEYS": json.dumps([private(EC, alg=None)])}, "HS256", "current"),
    ("the secret has a name", {"GOTRUE_JWT_KEY_ID": "named"}, "HS256", "named"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "alg", "kid"),
    [row[1:] for row in AUTH_STARTS],
    ids=[row[0] for row in AUTH_STARTS],
)
def test_auth_starts(settings: dict[str, str], alg: str, kid: str | None) -> None:
    config = auth.read_config(auth_env(**settings))
    assert config.failure is None
    assert config.signer is not None
    assert (config.signs_with, config.signer.kid) == (alg, kid)


def test_auth_and_storage_need_a_secret() -> None:
    missing = auth.read_config({"GOTRUE_JWT_KEYS": json.dumps([ec()[0]])})
    assert said(missing.failure) == "required key GOTRUE_JWT_SECRET missing value"
    assert said(storage.read_config({}).failure) == "PGRST_JWT_SECRET is undefined"
    assert storage.read_config({"PGRST_JWT_SECRET": JWT_SECRET}).failure is None


def test_realtime_reads_its_settings_only_when_it_seeds() -> None:
    env = {"API_JWT_SECRET": JWT_SECRET, "API_JWT_JWKS": "]"}
    assert realtime.read_config(env).failure is None
    assert said(realtime.read_config(env, command="eval Realtime.Release.seeds").failure)


@given(st.text())
def test_readers_never_crash_and_never_show_the_text(text: str) -> None:
    """Whatever stands in a setting, a reader answers or says what stops the service."""
    for reader in (
        keyset.gotrue, keyset.postgrest, keyset.realtime, keyset.storage, keyset.functions,
        keyset.postgrest_base64,
    ):  # fmt: skip
        try:
            shown = repr(reader(text))
        except Broken as broken:
            shown = broken.message + broken.logged
        assert len(text) < 12 or text not in shown

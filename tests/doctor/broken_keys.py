"""Broken keys: one row per fault, each done to a healthy deployment."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.doctor.case import Break, Case, Members, both, jwt_jwks, jwt_keys, phase_3
from tests.support.deployments import Deployment, ECKey, api_claims, b64url, compact, hs256

from keyturn.doctor.credentials import Jwk, oct_thumbprint

METHODS = "GOTRUE_JWT_VALID_METHODS"
KEYS, JWKS = "JWT_KEYS=", "JWT_JWKS="
DEMO_SECRET = "your-super-secret-jwt-token-with-at-least-32-characters-long"


def literal(service: str, name: str, value: object) -> Break:
    """Write ``value`` as a literal setting in the compose file."""
    shown = value if isinstance(value, str) else compact(value)
    return lambda made: made.set_setting(service, name, f"'{shown}'")


def _public(made: Deployment) -> list[Members]:
    found: list[Members] = json.loads(made.keys.jwt_jwks)["keys"]
    return found


def _array_for(service: str, name: str) -> Break:
    return lambda made: literal(service, name, _public(made))(made)


def by_variable(service: str, name: str, value: Callable[[Deployment], object]) -> Break:
    """Give a service its own variable in ``.env`` with a value of its own."""

    def breaks(made: Deployment) -> object:
        found = value(made)
        made.set("OWN_JWKS", found if isinstance(found, str) else compact(found))
        return made.set_setting(service, name, "${OWN_JWKS}")

    return breaks


def _other_key(made: Deployment) -> str:
    return compact({"keys": [ECKey.generate().jwk(private=False), made.keys.oct]})


def _with_secret(secret: str, raw: str | None = None) -> Break:
    """Give a legacy deployment another JWT_SECRET and keys that it signed."""

    def breaks(made: Deployment) -> object:
        made.set("JWT_SECRET", raw or secret)
        made.set("ANON_KEY", hs256(api_claims("anon"), secret))
        return made.set("SERVICE_ROLE_KEY", hs256(api_claims("service_role"), secret))

    return breaks


def _twice_encoded(made: Deployment) -> object:
    k = b64url(b64url(made.keys.jwt_secret.encode()).encode())
    return jwt_jwks(lambda keys: keys[2].update(k=k))(made)


def _named_by_thumbprint(made: Deployment) -> object:
    kid = oct_thumbprint(Jwk(made.keys.oct))
    return jwt_jwks(lambda keys: keys[2].update(kid=kid))(made)


def _short(key: Members) -> None:
    key["x"] = key["x"][: -len(key["x"]) // 4]


def _both_alone(keys: list[Members]) -> None:
    del keys[1]


def _same_kid(keys: list[Members]) -> None:
    keys[1]["kid"] = keys[0]["kid"]


def _stays_open(made: Deployment) -> object:
    phase_3(made)
    return made.set_setting("storage", "AUTH_JWT_SECRET", "${REALTIME_SECRET}")


def _readable_by_functions(made: Deployment) -> object:
    phase_3(made)
    return made.set_setting("functions", "JWT_SECRET", "${JWT_SECRET}")


ARTICLE = [{"alg": "ES256", "key_id": "key-1", "private_key": "-----BEGIN …"}]

OWN = "OWN_JWKS="
CASES = (
    Case("KT004", by_variable("realtime", "API_JWT_JWKS", _public), "realtime", OWN, note="own"),
    Case("KT018", by_variable("realtime", "API_JWT_JWKS", _other_key), "realtime", OWN, note="own"),
    Case("KT092", by_variable("storage", "JWT_JWKS", _public), "storage", OWN, note="own"),
    Case("KT001", lambda d: d.set("JWT_JWKS", d.keys.jwt_jwks + "}"), "rest", JWKS),
    Case("KT002", literal("storage", "JWT_JWKS", '{"keys":['), "storage", "JWT_JWKS:"),
    Case("KT003", literal("realtime", "API_JWT_JWKS", '{"keys":['), "realtime", "API_JWT_JWKS:"),
    Case("KT003", literal("realtime", "API_JWT_JWKS", ""), "realtime", "API_JWT_JWKS:",
         note="empty"),
    Case("KT004", _array_for("realtime", "API_JWT_JWKS"), "realtime", "API_JWT_JWKS:"),
    Case("KT005", lambda d: d.comment_setting("storage", "JWT_JWKS"), "storage", "#JWT_JWKS:"),
    Case("KT005", literal("rest", "PGRST_JWT_SECRET", "s" * 8 + "0123456789" * 4), "rest",
         "PGRST_JWT_SECRET:", note="rest", also=frozenset({"KT075"})),
    Case("KT009", jwt_keys(lambda k: k[1].update(key_ops=["sign", "verify"])), "auth", KEYS),
    Case("KT009", jwt_keys(lambda k: k[0].update(key_ops=["verify"])), "auth", KEYS, note="none"),
    Case("KT010", jwt_keys(lambda k: {"keys": k}), "auth", KEYS),
    Case("KT011", jwt_keys(lambda k: k[:2]), "auth", KEYS),
    Case("KT011", lambda d: d.set_setting("auth", "GOTRUE_JWT_VALIDMETHODS", "HS256,ES256"),
         "auth", "GOTRUE_JWT_VALIDMETHODS:", note="spelling"),
    Case("KT012", jwt_keys(lambda k: k[0].pop("alg") and None), "auth", KEYS),
    Case("KT012", lambda d: d.comment_setting("auth", "GOTRUE_JWT_KEYS"), "auth",
         "#GOTRUE_JWT_KEYS:", note="unset"),
    Case("KT011", lambda d: d.set_setting("auth", METHODS, "ES256"), "auth", f"{METHODS}:",
         note="override"),
    Case("KT012", lambda d: d.set_setting("auth", METHODS, "HS256"), "auth", f"{METHODS}:",
         note="override"),
    Case("KT013", jwt_keys(lambda k: [k[2] | {"key_ops": ["sign", "verify"]}]), "auth", KEYS),
    Case("KT018", lambda d: literal("realtime", "API_JWT_JWKS", _other_key(d))(d), "realtime",
         "API_JWT_JWKS:"),
    Case("KT033", _twice_encoded, "rest", JWKS),
    Case("KT033", jwt_jwks(lambda k: k[2].update(k=k[2]["k"] + "==")), "rest", JWKS,
         also=frozenset({"KT053"}), note="padded"),
    Case("KT037", jwt_jwks(lambda k: k[0].pop("kid") and None), "rest", JWKS),
    Case("KT039", literal("rest", "PGRST_JWT_SECRET", ""), "rest", "PGRST_JWT_SECRET:"),
    Case("KT040", _with_secret("short-Secret-0123456789"), "rest", "JWT_SECRET=",
         asymmetric=False),
    Case("KT047", _readable_by_functions, "functions", "JWT_SECRET=", also=frozenset({"KT089"})),
    Case("KT049", lambda d: d.set("ANON_KEY_ASYMMETRIC", ECKey.generate().token(
        api_claims("anon"))), "api-gw", "ANON_KEY_ASYMMETRIC="),
    Case("KT053", _array_for("rest", "PGRST_JWT_SECRET"), "rest", "PGRST_JWT_SECRET:"),
    Case("KT055", _with_secret(DEMO_SECRET), None, "JWT_SECRET=", asymmetric=False),
    Case("KT060", _with_secret("Short-secret-0123456"), None, "JWT_SECRET=", era="2025-kong"),
    Case("KT060", _with_secret("abcabcabc" * 5), None, "JWT_SECRET=", asymmetric=False,
         note="monotonous"),
    Case("KT061", _with_secret("Some$ecret-of-0123456789-abcdefgh",
         "'Some$ecret-of-0123456789-abcdefgh'"), None, "JWT_SECRET=", asymmetric=False),
    Case("KT062", lambda d: d.set("JWT_JWKS", _other_key(d)), "rest", JWKS),
    Case("KT063", jwt_jwks(_both_alone), "rest", JWKS),
    Case("KT063", jwt_keys(_both_alone), "rest", JWKS, note="trusted"),
    Case("KT064", jwt_jwks(lambda k: k[2].update(k=b64url(b"an-older-secret" * 3))), "rest", JWKS),
    Case("KT065", lambda d: jwt_jwks(lambda k: k.__setitem__(0, d.keys.ec.jwk(private=True)))(d),
         "rest", JWKS),
    Case("KT066", both(jwt_keys(_same_kid), jwt_jwks(_same_kid)), "auth", KEYS),
    Case("KT067", jwt_keys(lambda k: k[1].pop("kid") and None), "auth", KEYS),
    Case("KT068", _named_by_thumbprint, "rest", JWKS),
    Case("KT069", jwt_jwks(lambda k: _short(k[1])), "rest", JWKS),
    Case("KT070", jwt_keys(lambda _: ARTICLE), "auth", KEYS),
    Case("KT071", both(lambda d: d.comment_setting("realtime", "API_JWT_JWKS"),
         lambda d: d.set_setting("realtime", "JWT_JWKS", "${JWT_JWKS}")), "realtime",
         "JWT_JWKS:"),
    Case("KT072", jwt_jwks(lambda k: k[1].update(x=k[1]["x"] + "=")), "rest", JWKS,
         also=frozenset({"KT053"})),
    Case("KT073", both(jwt_keys(_both_alone), jwt_jwks(_both_alone)), "auth", KEYS),
    Case("KT075", lambda d: d.set_setting("storage", "AUTH_JWT_SECRET", "x" + "0123456789" * 4),
         "storage", "AUTH_JWT_SECRET:", also=frozenset({"KT023"})),
    Case("KT075", lambda d: d.unset_setting("realtime", "API_JWT_SECRET"), "realtime",
         "realtime:", note="none"),
    Case("KT075", lambda d: d.unset_setting("functions", "JWT_SECRET"), "functions",
         "functions:", note="functions"),
    Case("KT084", lambda d: d.set_setting("rest", "PGRST_JWT_SECRET_IS_BASE64", '"true"'), "rest",
         "PGRST_JWT_SECRET_IS_BASE64:"),
    Case("KT086", literal("auth", "GOTRUE_JWT_KEYS", ""), "auth", "GOTRUE_JWT_KEYS:"),
    Case("KT086", lambda d: d.set("JWT_KEYS", "[{"), "auth", KEYS, note="broken"),
    Case("KT087", jwt_keys(lambda k: k[0].update(alg="EdDSA")), "functions", KEYS),
    Case("KT088", jwt_jwks(lambda k: k.__delitem__(2)), "api-gw", JWKS),
    Case("KT088", literal("rest", "PGRST_JWT_SECRET", '{"keys":[]}'), "kong",
         "PGRST_JWT_SECRET:", era="2025-kong", note="empty"),
    Case("KT089", _stays_open, "realtime", "REALTIME_SECRET="),
    Case("KT095", lambda d: d.unset_setting("storage", "AUTH_JWT_SECRET"), "storage", "storage:"),
    Case("KT092", _array_for("storage", "JWT_JWKS"), "storage", "JWT_JWKS:"),
)  # fmt: skip

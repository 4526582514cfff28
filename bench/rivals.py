"""How each library verifies (signature, issuer, audience, expiry) and signs; keys read before."""

from __future__ import annotations

import base64
import hmac
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from bench.rounds import Call
from bench.tokens import AUDIENCE, ISSUER, Case, claims
from keyturn import Verifier, use_primitive
from keyturn.errors import UsageError
from keyturn.jose import jwt as keyturn_jwt
from keyturn.jose import keys as keyturn_keys
from keyturn.jose.jwks import KeySet
from keyturn.secret_access import reveal
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify as core_verify

RAW, CORE, OURS = "raw primitive", "Keyturn core", "Keyturn"
SEEN = "token seen before"
REMEMBERED = f"{OURS}, {SEEN}"
AWS, AWS_RAW = f"{OURS} with AWS-LC", "raw primitive of AWS-LC"


def verifiers(case: Case) -> dict[str, Call]:
    """Return one verifying call per library that has the algorithm."""
    calls: dict[str, Call] = {
        RAW: raw_verify(case),
        CORE: keyturn_core(case),
        OURS: keyturn_verify(case, remember=False),
        REMEMBERED: keyturn_verify(case, remember=True),
        "joserfc": _joserfc(case),
        "PyJWT": _pyjwt(case),
        "authlib.jose": _authlib(case),
        "jwcrypto": _jwcrypto(case),
    }
    if case.alg == "ES256":
        calls |= aws_lc(case)
    if case.alg != "EdDSA":
        calls["python-jose"] = _python_jose(case)
    for name, call in calls.items():
        assert call() is not False, name
    return calls


def with_aws_lc(make: Callable[[], Call]) -> Call | None:
    """What ``make`` makes of keys that verify with AWS-LC; None where the wheel is missing."""
    try:
        use_primitive("aws-lc")
    except UsageError:
        return None
    try:
        return make()
    finally:
        use_primitive("openssl")


def aws_lc(case: Case) -> dict[str, Call]:
    """The verifier on AWS-LC, and AWS-LC alone, from ``r || s`` on as OpenSSL's raw row."""
    ours = with_aws_lc(lambda: keyturn_verify(case, remember=False))
    if ours is None:
        return {}
    from awscrt.crypto import EC

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    der = native(case).public_key().public_bytes(serialization.Encoding.DER, form)
    engine, data, signature = EC.new_key_from_der_data(der), case.signing_input, case.signature

    def raw() -> object:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        return engine.verify(sha256(data).digest(), encode_dss_signature(r, s))

    return {AWS: ours, AWS_RAW: raw}


def keyturn_verify(case: Case, *, remember: bool) -> Call:
    """The public verifier, clock included."""
    more: dict[str, Any] = {} if remember else {"token_cache": None}
    verifier = Verifier.static(
        {"keys": [case.jwk]}, issuer=ISSUER, audience=AUDIENCE, algorithms={case.alg}, **more
    )
    return lambda: verifier.verify_now(case.token)


def keyturn_core(case: Case) -> Call:
    """The function under the verifier, as the Auth server calls it: no key source, no cache."""
    policy = Policy(algorithms=frozenset({case.alg}), issuer=ISSUER, audience=AUDIENCE)
    key_set = KeySet([case.verifying])
    return lambda: core_verify(case.token, key_set, policy, now=datetime.now(UTC))


def native(case: Case) -> Any:
    """The private key as ``cryptography`` holds it; the secret's bytes for HS256."""
    if case.alg == "HS256":
        return base64.urlsafe_b64decode(str(case.private_jwk["k"]) + "==")
    pem = reveal(keyturn_keys.private_pem(case.key, "pkcs8"))
    return serialization.load_pem_private_key(pem, None)


def raw_verify(case: Case) -> Call:
    """The signature alone: nothing is parsed, nothing is checked beside it."""
    key, data, signature = native(case), case.signing_input, case.signature
    if case.alg == "HS256":
        return lambda: hmac.compare_digest(hmac.digest(key, data, "sha256"), signature)
    public = key.public_key()
    if case.alg == "ES256":
        ecdsa = ec.ECDSA(SHA256())

        def es256() -> None:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            public.verify(encode_dss_signature(r, s), data, ecdsa)

        return es256
    if case.alg == "RS256":
        pkcs1, sha256 = padding.PKCS1v15(), SHA256()
        return lambda: public.verify(signature, data, pkcs1, sha256)
    return lambda: public.verify(signature, data)


def _joserfc(case: Case) -> Call:
    from joserfc import jwk, jws, jwt

    key = jwk.import_key(case.jwk)
    rules = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
    )
    registry = jws.JWSRegistry(algorithms=[case.alg])

    def call() -> object:
        token = jwt.decode(case.token, key, registry=registry)
        rules.validate(token.claims)
        return token.claims

    return call


def _pyjwt(case: Case) -> Call:
    import jwt

    key, allowed = jwt.PyJWK(case.jwk, case.alg), [case.alg]
    return lambda: jwt.decode(case.token, key, allowed, issuer=ISSUER, audience=AUDIENCE)


def _authlib(case: Case) -> Call:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from authlib.jose import JsonWebKey, JsonWebToken

    tool, key = JsonWebToken([case.alg]), JsonWebKey.import_key(case.jwk)
    rules = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": AUDIENCE},
        "exp": {"essential": True},
    }

    def call() -> object:
        found = tool.decode(case.token, key, claims_options=rules)
        found.validate()
        return found

    return call


def _jwcrypto(case: Case) -> Call:
    from jwcrypto import jwk, jwt

    key, allowed = jwk.JWK(**case.jwk), [case.alg]
    rules = {"iss": ISSUER, "aud": AUDIENCE, "exp": None}
    return lambda: json.loads(
        jwt.JWT(jwt=case.token, key=key, algs=allowed, check_claims=rules).claims
    )


def _python_jose(case: Case) -> Call:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from jose import jwk, jwt

    key = jwk.construct(case.jwk, case.alg)
    return lambda: jwt.decode(case.token, key, case.alg, issuer=ISSUER, audience=AUDIENCE)


def signers(case: Case) -> dict[str, Call]:
    """Return one signing call per library, for the same claims."""
    import jwt as pyjwt
    from joserfc import jwk, jws, jwt

    content = claims()
    header = {"alg": case.alg, "typ": "JWT", "kid": case.key.kid}
    registry = jws.JWSRegistry(algorithms=[case.alg])
    key, private = jwk.import_key(case.private_jwk), native(case)
    return {
        RAW: raw_sign(case),
        OURS: lambda: keyturn_jwt.encode(content, case.key),
        "joserfc": lambda: jwt.encode(header, content, key, registry=registry),
        "PyJWT": lambda: pyjwt.encode(content, private, case.alg, headers={"kid": case.key.kid}),
    }


def raw_sign(case: Case) -> Call:
    """The signature alone, in the form that JOSE wants."""
    key, data = native(case), case.signing_input
    sign: dict[str, Callable[[], object]] = {
        "HS256": lambda: hmac.digest(key, data, "sha256"),
        "EdDSA": lambda: key.sign(data),
    }
    if case.alg == "RS256":
        pkcs1, sha256 = padding.PKCS1v15(), SHA256()
        return lambda: key.sign(data, pkcs1, sha256)
    if case.alg == "ES256":
        ecdsa = ec.ECDSA(SHA256())

        def es256() -> bytes:
            r, s = decode_dss_signature(key.sign(data, ecdsa))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")

        return es256
    return sign[case.alg]

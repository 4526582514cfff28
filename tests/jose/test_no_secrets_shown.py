"""Nothing that a log, a traceback or a debugger prints by itself shows key material."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable, Iterator

import pytest

from keyturn.errors import KeyturnError
from keyturn.jose import jwt
from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import (
    SigningKey,
    base64_pem,
    private_jwk,
    private_pem,
    signing_key_from_jwk,
    signing_key_from_pem,
    signing_key_from_secret,
    verifying_key_from_jwk,
)
from keyturn.secret import Secret
from keyturn.secret_access import reveal

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k"}


class Accepting:
    """One algorithm, tokens of the usual size."""

    algorithms = frozenset({"ES256", "RS256", "EdDSA", "HS256"})
    max_token_bytes = 16_384


def private_members(key: SigningKey) -> dict[str, str]:
    """The secret members of the key's JWK."""
    document = json.loads(reveal(private_jwk(key)))
    return {name: document[name] for name in PRIVATE & document.keys()}


def shown_forms(thing: object) -> Iterator[str]:
    """Every text that Python makes of ``thing`` without being asked for its parts."""
    yield repr(thing)
    yield str(thing)
    yield f"{thing}"
    yield repr([thing])
    yield repr({"key": thing})
    yield "".join(traceback.format_exception(ValueError(thing)))


def test_keys_show_their_algorithm_and_name_only(key: SigningKey) -> None:
    assert repr(key) == f"SigningKey(alg='{key.alg}', kid='kid-{key.alg}')"
    verifying = key.verifying_key()
    assert repr(verifying) == f"VerifyingKey(alg='{key.alg}', kid='kid-{key.alg}')"
    assert repr(KeySet([verifying])) == f"KeySet({key.alg} kid-{key.alg})"


def test_no_printed_form_holds_a_secret_member(key: SigningKey) -> None:
    verifying = key.verifying_key()
    things = [key, verifying, key.material, verifying.material, KeySet([verifying])]
    things += [private_jwk(key), copy.copy(key)]
    for thing in things:
        for text in shown_forms(thing):
            assert not [n for n, secret in private_members(key).items() if secret in text]


def test_renderings_of_private_keys_are_secrets(asymmetric: SigningKey) -> None:
    for rendering in (
        private_jwk(asymmetric),
        private_pem(asymmetric),
        base64_pem(private_pem(asymmetric)),
    ):
        assert isinstance(rendering, Secret)
        assert repr(rendering) == "Secret(…)"


def test_a_shared_secret_cannot_be_pickled_by_accident() -> None:
    key = signing_key_from_secret(Secret("s" * 32), kid=None)
    with pytest.raises(TypeError):
        pickle.dumps(key)


def failures(key: SigningKey) -> list[Callable[[], object]]:
    """Attempts that fail with key material or a token in their hands."""
    document = json.loads(reveal(private_jwk(key)))
    secret = next(iter(private_members(key)))
    token = jwt.encode({"sub": "somebody"}, key)
    keys = KeySet([key.verifying_key()])
    broken = {name: f"{member}=" for name, member in private_members(key).items()}
    return [
        lambda: signing_key_from_jwk(document | broken),
        lambda: signing_key_from_jwk(document | {secret: document[secret] + "AA"}),
        lambda: signing_key_from_jwk(document | {"alg": document[secret]}),
        lambda: verifying_key_from_jwk({**document, "use": "enc"}),
        lambda: signing_key_from_pem(document[secret].encode(), None, kid="k"),
        lambda: signing_key_from_secret(Secret(document[secret][:20]), kid="k"),
        lambda: jwt.decode(token[:-8], keys, Accepting()),
        lambda: jwt.decode(token + "=", keys, Accepting()),
        lambda: jwt.decode(token, KeySet(), Accepting()),
    ]


def test_no_error_shows_key_material_or_a_token(key: SigningKey) -> None:
    signature = jwt.encode({"sub": "somebody"}, key).rpartition(".")[2]
    secrets = {*private_members(key).values(), signature[:20]}
    for attempt in failures(key):
        with pytest.raises(KeyturnError) as caught:
            attempt()
        error = caught.value
        printed = "".join(traceback.format_exception(error)) + json.dumps(error.as_dict())
        assert not [secret for secret in secrets if secret in printed]
        assert error.__cause__ is None, "the library's own error may quote the input"


def test_a_rejected_token_is_not_quoted_in_its_rejection(key: SigningKey) -> None:
    for text in ("eyJhbGciOiJub25lIn0.c2VjcmV0LXBheWxvYWQ.", "very-secret-bearer", "a.b.c.d.e"):
        with pytest.raises(TokenRejected) as rejected:
            jwt.decode(text, KeySet([key.verifying_key()]), Accepting())
        assert text not in str(rejected.value)
        assert not any(part in str(rejected.value) for part in text.split(".") if len(part) > 9)

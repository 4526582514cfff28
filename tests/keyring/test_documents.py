"""What each reader of the ring gets, and that nobody gets more than that."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from keyturn.cli.handover import opened
from keyturn.jose.keys import generate, signing_key_from_secret
from keyturn.keyring import verbs
from keyturn.keyring.change import Intent
from keyturn.keyring.documents import KEY_FORMS, RING_FORMS
from keyturn.keyring.errors import BrokenRing
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing
from keyturn.keyring.states import KeyState
from keyturn.secret import Secret

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "a-jwt-secret-that-is-long-enough-for-postgrest"
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k"}


def fresh(alg: str) -> tuple[str, Any]:
    """Return a fresh key with a name to recognise."""
    return "new", generate(alg, kid="new")


def ring_after_the_switch() -> KeyRing:
    """Return a ring whose legacy secret was just replaced by an ES256 key."""
    legacy = signing_key_from_secret(Secret(SECRET), kid=None)
    first = verbs.new_key("legacy", legacy, KeyState.IN_USE, NOW, legacy=True)
    standby = verbs.new_key("z-es", generate("ES256", kid="z-es"), KeyState.STANDBY, NOW)
    ring = verbs.start(Intent(NOW, "t"), first, (standby,)).result(KeyRing(0, ()))
    intent = Intent(NOW, "t", "test", force=True)
    return verbs.rotate(ring, RingPolicy(), intent, fresh).result(ring)


def document(name: str) -> Any:
    """Render the form ``name`` of that ring, with its secrets in clear."""
    return json.loads(opened(RING_FORMS[name].render(ring_after_the_switch())))


def test_the_public_jwks_has_no_secret_and_no_private_member() -> None:
    keys = document("public-jwks")["keys"]
    assert [key["kid"] for key in keys] == ["z-es", "new"]
    for key in keys:
        assert not PRIVATE & key.keys()
        assert key["key_ops"] == ["verify"]


def test_verifiers_get_the_legacy_secret_without_a_kid() -> None:
    keys = document("verifier-jwks")["keys"]
    (oct_key,) = (key for key in keys if key["kty"] == "oct")
    assert "kid" not in oct_key
    assert oct_key["alg"] == "HS256"
    token = jwt.encode({"role": "anon"}, SECRET, algorithm="HS256")
    assert jwt.decode(token, jwt.PyJWK(oct_key).key, algorithms=["HS256"]) == {"role": "anon"}
    assert not any(PRIVATE & key.keys() for key in keys if key is not oct_key)


def test_gotrue_gets_exactly_one_key_that_signs_and_it_is_the_one_in_use() -> None:
    keys = document("gotrue-jwt-keys")
    assert isinstance(keys, list)
    signing = [key for key in keys if "sign" in key["key_ops"]]
    assert [key["kid"] for key in signing] == ["z-es"]
    assert "d" in signing[0]
    token = jwt.encode({"sub": "x"}, jwt.PyJWK(signing[0]).key, algorithm="ES256")
    published = next(k for k in document_of_same_ring(signing[0]) if k["kid"] == "z-es")
    assert jwt.decode(token, jwt.PyJWK(published).key, algorithms=["ES256"]) == {"sub": "x"}
    assert sum(1 for key in keys if key["kty"] == "oct") == 1


def document_of_same_ring(jwk: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the public members of ``jwk`` alone: a public key made from the private document."""
    return [{name: value for name, value in jwk.items() if name not in PRIVATE | {"key_ops"}}]


def test_the_articles_form_has_pem_and_no_shared_secret() -> None:
    keys = document("article-jwt-keys")
    assert [(key["alg"], key["key_id"]) for key in keys] == [("ES256", "z-es"), ("ES256", "new")]
    for key in keys:
        assert key["private_key"].startswith("-----BEGIN PRIVATE KEY-----\n")


def test_a_form_that_is_not_marked_private_holds_nothing_private() -> None:
    ring = ring_after_the_switch()
    texts = [opened(row.render(ring)) for row in RING_FORMS.values() if not row.private]
    texts += [opened(row.render(ring.in_use)) for row in KEY_FORMS.values() if not row.private]
    for text in texts:
        assert b"PRIVATE" not in text
        assert b'"d"' not in text
        assert b'"k"' not in text


def test_a_key_that_stopped_signing_has_no_private_form_any_more() -> None:
    ring = ring_after_the_switch()
    done = verbs.rotate(
        ring, RingPolicy(), Intent(NOW, "t", "test", force=True),
        lambda alg: ("newer", generate(alg, kid="newer")),
    ).result(ring)  # fmt: skip
    with pytest.raises(BrokenRing, match="gone"):
        KEY_FORMS["private-jwk"].render(done.find("z-es"))
    assert opened(KEY_FORMS["public-pem"].render(done.find("z-es"))).startswith(
        b"-----BEGIN PUBLIC"
    )

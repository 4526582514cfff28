"""An existing deployment's configuration becomes the first ring; what GoTrue refuses, we refuse."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from tests.support.rings import NOW, Rings, forced

from keyturn.cli.handover import opened
from keyturn.flows import keys
from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import SigningKey, generate, private_jwk, private_pem
from keyturn.keyring.change import Intent
from keyturn.keyring.documents import RING_FORMS
from keyturn.keyring.states import KeyState
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.wiring.first_keys import first_keys
from keyturn.wiring.stack_keys import secret_warnings

SECRET = "the-deployment's-own-jwt-secret-0123456789"


def jwk(key: SigningKey, *key_ops: str) -> dict[str, Any]:
    """Return the private JWK of ``key``."""
    found: dict[str, Any] = json.loads(reveal(private_jwk(key, key_ops=key_ops)))
    return found


def secret_of(*elements: object) -> Secret:
    """Return the text of GOTRUE_JWT_KEYS."""
    return Secret(json.dumps(elements))


OCT = {
    "kty": "oct",
    "alg": "HS256",
    "k": "dGhlLWRlcGxveW1lbnQncy1vd24tand0LXNlY3JldC0wMTIzNDU2Nzg5",
}


async def test_an_es256_deployment_goes_on_with_its_own_key(rings: Rings) -> None:
    """The shape that add-new-auth-keys.sh writes: one EC key that signs, the secret without kid."""
    own = generate("ES256", kid="own")
    first = first_keys(secret_of(jwk(own, "sign", "verify"), OCT), Secret(SECRET))
    store = await rings.store()
    ring = await keys.ensure(store, now=NOW, entropy=os.urandom, first=first)
    assert ring.in_use.kid == "own"
    assert ring.signing_key.verifying_key() == own.verifying_key()
    legacy = ring.has_legacy
    assert legacy is not None
    assert legacy.state is KeyState.PREVIOUSLY_USED
    assert legacy.key is not None
    hs256 = keys_from(SECRET)
    assert legacy.key.verify(b"x", hs256.sign(b"x"))
    assert len(ring.standby) == 1


def keys_from(secret: str) -> SigningKey:
    """Return the HS256 key of ``secret``."""
    from keyturn.jose.keys import signing_key_from_secret

    return signing_key_from_secret(Secret(secret), kid=None, allow_short=True)


async def test_what_we_export_for_gotrue_comes_back_as_the_same_ring(rings: Rings) -> None:
    bench = await rings.bench(legacy_secret=Secret(SECRET))
    await keys.rotate(bench, Intent(NOW, "t", "test", force=True))
    ring = await bench.store.load()
    exported = Secret(opened(RING_FORMS["gotrue-jwt-keys"].render(ring)))
    first = first_keys(exported, None)
    assert first is not None
    assert first.signer is not None
    assert first.signer.kid == ring.in_use.kid
    assert [key.kid for key in first.verifying] == [ring.standby[0].kid]
    assert first.legacy_secret == Secret(SECRET)


def test_a_secret_alone_signs_as_before() -> None:
    only = first_keys(None, Secret("short"))
    assert only is not None
    assert (only.signer, only.verifying) == (None, ())
    repeated = first_keys(secret_of({**OCT, "key_ops": ["sign", "verify"]}), None)
    assert repeated is not None
    assert (repeated.signer, repeated.legacy_secret) == (None, Secret(SECRET))
    assert first_keys(None, None) is None
    assert first_keys(Secret("[]"), None) is None


def test_the_articles_form_is_accepted() -> None:
    key = generate("ES256", kid="a1")
    pem = reveal(private_pem(key)).decode()
    first = first_keys(secret_of({"alg": "ES256", "key_id": "a1", "private_key": pem}), None)
    assert first is not None
    assert first.signer is not None
    assert first.signer.kid == "a1"


ES = generate("ES256", kid="x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ('{"keys":[]}', "not an array"),
        (json.dumps([jwk(ES, "verify")]), "0 keys that sign"),
        (json.dumps([jwk(ES, "sign"), jwk(ES, "sign")]), "2 keys that sign"),
        (json.dumps([{**jwk(ES, "sign"), "d": "AAAA"}]), "key 0"),
    ],
    ids=["broken", "a JWKS", "none signs", "two sign", "damaged"],
)
def test_what_gotrue_would_not_start_with_is_named(text: str, said: str) -> None:
    with pytest.raises(InvalidKey) as refused:
        first_keys(Secret(text), None)
    assert said in refused.value.message
    assert jwk(ES, "sign")["d"] not in refused.value.message


async def test_a_secret_that_comes_too_late_or_is_too_short_is_pointed_out(rings: Rings) -> None:
    """Only the first start imports it; a retired one is nobody's business any more."""
    bench = await rings.bench()
    ring = await bench.store.load()
    (late,) = secret_warnings(Secret(SECRET), ring)
    assert "keys import --legacy" in late
    assert list(secret_warnings(None, ring)) == []
    await keys.import_verifying(bench, forced(), keys_from("short").verifying_key())
    ring = await bench.store.load()
    assert list(secret_warnings(Secret(SECRET), ring)) == []
    (short,) = secret_warnings(Secret("short"), ring)
    assert "has 5 bytes" in short
    assert ring.has_legacy is not None
    retired = (await keys.revoke(bench, forced(), ring.has_legacy.kid)).after
    assert list(secret_warnings(Secret("short"), retired)) == []

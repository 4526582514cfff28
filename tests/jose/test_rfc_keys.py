"""The keys that RFC 7517, 7520 and 8037 print, and what becomes of each; public on purpose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import (
    private_jwk,
    signing_key_from_jwk,
    thumbprint,
    verifying_key_from_jwk,
)
from keyturn.secret_access import reveal

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "rfc_keys.json").read_text())
JWKS: dict[str, list[dict[str, Any]]] = DOCUMENT["sets"]
KEYS: dict[str, dict[str, Any]] = DOCUMENT["keys"]


def test_rfc_7517_a1_only_the_key_that_may_sign_is_taken() -> None:
    """The EC key of the example is for encryption."""
    keys = KeySet.parse_published({"keys": JWKS["RFC 7517 A.1"]})
    assert [(key.alg, key.kid) for key in keys] == [("RS256", "2011-04-29")]
    assert thumbprint(next(iter(keys))) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert "enc" in keys.ignored[0]
    with pytest.raises(InvalidKey, match="enc"):
        KeySet.parse({"keys": JWKS["RFC 7517 A.1"]})


def test_rfc_7517_a2_a_published_private_set_gives_no_key() -> None:
    keys = KeySet.parse_published({"keys": JWKS["RFC 7517 A.2"]})
    assert len(keys) == 0
    assert all("private members" in told for told in keys.ignored)


@pytest.mark.parametrize("position", [0, 1])
def test_rfc_7517_a2_is_read_and_written_back_with_every_member(position: int) -> None:
    jwk = {k: v for k, v in JWKS["RFC 7517 A.2"][position].items() if k != "use"}
    written = json.loads(reveal(private_jwk(signing_key_from_jwk(jwk))))
    assert written.items() >= jwk.items()


def test_rfc_7517_a3_a_key_wrapping_key_verifies_nothing_and_the_other_one_does() -> None:
    wrapping, hmac_key = JWKS["RFC 7517 A.3"]
    with pytest.raises(InvalidKey, match="A128KW"):
        verifying_key_from_jwk(wrapping)
    assert verifying_key_from_jwk(hmac_key).kid == "HMAC key used in JWS spec Appendix A.1 example"
    assert len(KeySet.parse_published({"keys": [hmac_key]})) == 0


@pytest.mark.parametrize("name", [name for name in KEYS if "refused" in KEYS[name]])
def test_keys_for_something_else_are_refused(name: str) -> None:
    with pytest.raises(InvalidKey, match=KEYS[name]["refused"]):
        verifying_key_from_jwk(KEYS[name]["jwk"])


def test_rfc_8037_a1_and_a2_are_two_halves_of_one_key() -> None:
    private = signing_key_from_jwk(KEYS["RFC 8037 A.1"]["private"])
    public = verifying_key_from_jwk(KEYS["RFC 8037 A.2"]["jwk"])
    assert private.verifying_key() == public
    assert thumbprint(public) == KEYS["RFC 8037 A.2"]["thumbprint"]

"""The key ring of a deployment that keeps its keys in its files, read from what Auth is given.

GoTrue's array says it all (auth 2.196, ``internal/conf/jwk.go``): the key whose ``key_ops`` hold
``sign`` is in use, a private key that may only verify is a standby, a public one was used before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.setting import Setting
from keyturn.jose import forms
from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import (
    SigningKey,
    VerifyingKey,
    private_jwk,
    signing_key_from_secret,
    thumbprint,
)
from keyturn.migrate.refusals import CannotMigrate
from keyturn.secret import Secret

AUTH_KEYS: Final = "GOTRUE_JWT_KEYS"
AUTH_SECRET: Final = "GOTRUE_JWT_SECRET"  # noqa: S105 - a variable's name


@dataclass(frozen=True, slots=True)
class DeploymentKeys:
    """Every key that the deployment trusts, by state; only asymmetric keys have states."""

    in_use: SigningKey | None
    """None while Auth signs with the shared secret."""
    standby: tuple[SigningKey, ...] = ()
    """Published, may sign next; the one published longest first."""
    previously_used: tuple[VerifyingKey, ...] = ()
    """They verify what they once signed; their private halves are gone."""
    legacy: Secret | None = field(default=None, repr=False)
    """``JWT_SECRET``, when tokens that it signed are accepted; its raw bytes are the key."""
    unread: bool = False
    """They stand in the article's form, which Auth does not read: it never signed with them."""

    @property
    def verifying(self) -> tuple[VerifyingKey, ...]:
        """Return the public halves: in use, then standby, then previously used."""
        private = (*((self.in_use,) if self.in_use else ()), *self.standby)
        return (*(key.verifying_key() for key in private), *self.previously_used)

    @property
    def kids(self) -> tuple[str, ...]:
        """Return the names of all asymmetric keys, in the same order."""
        return tuple(key.kid or "" for key in self.verifying)

    def with_standby(self, key: SigningKey) -> DeploymentKeys:
        """Return the keys with another standby, the last in the row.

        Raises :class:`CannotMigrate` when its name is taken: verifiers find a key by it.
        """
        if key.kid in self.kids:
            raise CannotMigrate(
                f"The deployment has a key named {key.kid} already.",
                hint="Bring another key, or one with another kid.",
            )
        return replace(self, standby=(*self.standby, key))

    def promoted(self) -> DeploymentKeys:
        """Return the keys after the first standby began to sign; the former one only verifies."""
        if not self.standby:
            raise CannotMigrate("There is no standby key that could sign.")
        former = (self.in_use.verifying_key(),) if self.in_use else ()
        return replace(
            self,
            in_use=self.standby[0],
            standby=self.standby[1:],
            previously_used=(*former, *self.previously_used),
        )

    def without(self, kids: Iterable[str]) -> DeploymentKeys:
        """Return the keys without the previously used ones named ``kids``."""
        gone = set(kids)
        kept = tuple(key for key in self.previously_used if key.kid not in gone)
        return replace(self, previously_used=kept)


def read_keys(inventory: Inventory) -> DeploymentKeys:
    """Return the keys that Auth is given; raises :class:`CannotMigrate` when it cannot be told."""
    auth = inventory.of_kind(Kind.AUTH)
    if auth is None:
        raise CannotMigrate(
            "This deployment has no Auth service.",
            hint="Auth is known by its image, supabase/gotrue; see `keyturn doctor --json`.",
        )
    secret = auth.get(AUTH_SECRET)
    legacy = secret.value if secret is not None and secret.is_set else None
    setting = auth.get(AUTH_KEYS)
    if setting is None or (text(setting) or "").strip() in ("", "[]"):
        return DeploymentKeys(None, legacy=legacy)
    rows, has_oct = _asymmetric_rows(setting)
    held = _read(rows, setting)
    if held.form == "article-jwt-keys":
        found = replace(_never_signed(held.keys), legacy=legacy, unread=True)
    else:
        sorted_keys = _sorted(held.keys, setting.changed_at[1])
        found = replace(sorted_keys, legacy=legacy if has_oct else None)
    _check_names(found, setting.changed_at[1])
    return found


def _asymmetric_rows(setting: Setting) -> tuple[list[object], bool]:
    """Return the array without its shared secrets, and whether there were any."""
    try:
        rows = json.loads(text(setting) or "")
    except ValueError:
        rows = None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CannotMigrate(
            f"{AUTH_KEYS} is not a JSON array of keys, and Auth does not start with it.",
            place=setting.changed_at[1],
            hint="`keyturn doctor` says what is wrong with it and how to mend it.",
        )
    asymmetric = [row for row in rows if row.get("kty") != "oct"]
    return asymmetric, len(asymmetric) != len(rows)


def _read(rows: list[object], setting: Setting) -> forms.HeldKeys:
    if not rows:
        return forms.HeldKeys("gotrue-jwt-keys", ())
    try:
        return forms.read(Secret(json.dumps(rows)))
    except InvalidKey as bad:
        raise CannotMigrate(
            f"{AUTH_KEYS}: {bad.message}.",
            place=setting.changed_at[1],
            hint=bad.hint or "`keyturn doctor DIR` says what is wrong with it and how to mend it.",
        ) from None


def _never_signed(held: Iterable[forms.HeldKey]) -> DeploymentKeys:
    keys = [named(one.key) for one in held if isinstance(one.key, SigningKey)]
    return DeploymentKeys(None, tuple(keys))


def _sorted(held: Iterable[forms.HeldKey], place: Place) -> DeploymentKeys:
    in_use: SigningKey | None = None
    standby: list[SigningKey] = []
    former: list[VerifyingKey] = []
    for one in held:
        if not isinstance(one.key, SigningKey):
            former.append(one.key)
        elif not one.signs:
            standby.append(one.key)
        elif in_use is None:
            in_use = one.key
        else:
            raise CannotMigrate(
                f"{AUTH_KEYS} has two keys that sign, and Auth does not start with it.",
                place=place,
                hint='Leave "sign" in the key_ops of one.',
            )
    return DeploymentKeys(in_use, tuple(standby), tuple(former))


def _check_names(keys: DeploymentKeys, place: Place) -> None:
    if "" in keys.kids:
        raise CannotMigrate(
            f"A key in {AUTH_KEYS} has no kid; Realtime and PostgREST could not find it.",
            place=place,
            hint="Give every key a kid of its own, the same in JWT_KEYS and JWT_JWKS.",
        )
    if len(set(keys.kids)) != len(keys.kids):
        twice = next(kid for kid in keys.kids if keys.kids.count(kid) > 1)
        raise CannotMigrate(
            f"Two keys in {AUTH_KEYS} share the kid {twice}; Auth would know only the last.",
            place=place,
            hint="Take one of them out, or give it another kid, here and in JWT_JWKS; the one that "
            "signs has sign in its key_ops.",
        )


def named(key: SigningKey) -> SigningKey:
    """Return ``key`` under its RFC 7638 thumbprint unless it has a name."""
    return key if key.kid else replace(key, kid=thumbprint(key.verifying_key()))


def auth_document(keys: DeploymentKeys) -> Secret:
    """Return the array for ``GOTRUE_JWT_KEYS``: exactly one key signs.

    Without a key in use that is the shared secret, without a ``kid``: its tokens stay as they are.
    """
    rows: list[object] = []
    if keys.in_use is not None:
        rows.append(_private(keys.in_use, signs=True))
    rows += [_private(key, signs=False) for key in keys.standby]
    rows += [key.public_jwk() for key in keys.previously_used]
    if keys.legacy is not None:
        rows.append(_shared(keys.legacy, signs=keys.in_use is None))
    elif keys.in_use is None:
        raise CannotMigrate("No key would sign: there is neither a key in use nor a JWT_SECRET.")
    return _document(rows)


def verifier_document(keys: DeploymentKeys, *extra: object, **members: object) -> Secret:
    """Return the JWKS for the verifiers: public keys, and the ``oct`` key while it is trusted.

    ``extra`` keys stand before the ``oct`` key: Storage takes the first ``oct`` key that has the
    token's kid *or none at all* (storage 1.74.0, findJWKFromHeader), so that a key of its own
    behind the shared secret would never be found. ``members`` are added beside ``keys``.
    """
    rows: list[object] = [*(key.public_jwk() for key in keys.verifying), *extra]
    if keys.legacy is not None:
        rows.append(_shared(keys.legacy, signs=None))
    return _document({"keys": rows, **members})


def _private(key: SigningKey, *, signs: bool) -> object:
    operations = ("sign", "verify") if signs else ("verify",)
    return json.loads(text(private_jwk(key, key_ops=operations)) or "")


def _shared(secret: Secret, *, signs: bool | None) -> object:
    """The shape of ``utils/add-new-auth-keys.sh``; GoTrue alone needs ``key_ops``."""
    key = signing_key_from_secret(secret, kid=None, allow_short=True)
    row = json.loads(text(private_jwk(key)) or "")
    shown = {"kty": "oct", "k": row["k"], "alg": "HS256"}
    return (
        shown if signs is None else shown | {"key_ops": ["sign", "verify"] if signs else ["verify"]}
    )


def _document(value: object) -> Secret:
    return Secret(json.dumps(value, separators=(",", ":")))

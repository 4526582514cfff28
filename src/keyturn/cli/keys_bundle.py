"""``keyturn keys generate --out DIR``: a fresh key as files, for somebody else's stack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from keyturn.cli import handover
from keyturn.cli.output import emit, say
from keyturn.errors import UsageError

_WHAT_NEXT: Final = (
    "Auth reads JWT_KEYS of official.env as GOTRUE_JWT_KEYS; no official service reads a PEM or\n"
    "article.env. Publish the key in every verifier before Auth signs with it."
)


def write_bundle(
    folder: str, *, alg: str, kid: str | None, legacy_from: str | None, as_json: bool
) -> None:
    """Make a key and write it, in every form, into the folder ``folder`` (0700, files 0600).

    ``legacy_from`` is a file (or ``-``) with the ``JWT_SECRET`` that verifiers must go on
    accepting: it becomes the ``oct`` key, without a kid. Nothing is overwritten.
    """
    from keyturn.jose.forms import HeldKey
    from keyturn.jose.keys import generate, signing_key_from_secret, thumbprint
    from keyturn.keyring.handed import BUNDLE, ENV_FILES

    if alg == "HS256":
        raise UsageError(
            "HS256 has no public half to hand out",
            hint="These files are for ES256, RS256 or EdDSA; add --legacy-secret for the old one.",
        )
    target = Path(folder)
    names = [*BUNDLE, *ENV_FILES]
    for name in names:
        handover.check_output(str(target / name), private=True)
    fresh = generate(alg, kid=kid)
    named = replace(fresh, kid=kid or thumbprint(fresh.verifying_key()))
    keys = [HeldKey(named, signs=True)]
    if legacy_from is not None:
        secret = handover.value_of_line(handover.read_secret(legacy_from))
        shared = handover.usable(
            lambda: signing_key_from_secret(secret, kid=None, allow_short=True)
        )
        keys.append(HeldKey(shared, signs=False))
    for name, row in BUNDLE.items():
        handover.hand_over(handover.opened(row.render(keys)), str(target / name), private=True)
    for name, lines in ENV_FILES.items():
        handover.hand_over(handover.env_lines(lines(keys)), str(target / name), private=True)
    payload = {"kid": named.kid, "alg": alg, "folder": folder, "files": names}
    emit(payload, as_json, "\n".join(f"{target / name}" for name in names))
    if not as_json:
        say(_WHAT_NEXT)

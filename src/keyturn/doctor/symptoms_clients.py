"""What other people's backends and libraries write when a Supabase token reaches them."""

from __future__ import annotations

from typing import Final

from keyturn.doctor.symptom import Cause, Symptom

_VERIFIER: Final = (
    "verify from the JWKS: `from keyturn import Verifier` does (docs/how-to/verify-tokens.md)"
)

SYMPTOMS: Final = (
    Symptom(
        text="The specified alg value is not allowed",
        by="PyJWT in your backend (InvalidAlgorithmError)",
        means="The backend pins one algorithm and the token has another.",
        causes=(
            Cause(
                "The backend verifies HS256 with JWT_SECRET and Auth signs ES256 now.",
                "Accept both during the migration, then only ES256; " + _VERIFIER + ".",
                ("airas#770", "supabase/cli#4726"),
            ),
        ),
        also=("alg not allowed", "InvalidAlgorithm", "InvalidAlgorithmError"),
    ),
    Symptom(
        text="JWT Signature verification failed: Signature verification failed.",
        by="PyJWT in your backend (InvalidSignatureError)",
        means="The signature does not hold under the key that the backend has.",
        causes=(
            Cause(
                "The backend holds an old JWT_SECRET, or a JWKS from before the rotation.",
                _VERIFIER.capitalize() + ".",
            ),
            Cause(
                "The secret was base64-decoded; Supabase uses its text as it is.",
                "Use the UTF-8 text of JWT_SECRET as the key.",
            ),
        ),
        also=("JWT Signature verification failed",),
    ),
    Symptom(
        text="unable to find matching key",
        by="a verifier with a cached JWKS",
        means="The token's kid is not among the keys that it fetched.",
        causes=(
            Cause(
                "The new key signs before the verifier fetched it: its cache is older "
                "than the rotation.",
                "Publish first and sign 20 minutes later; the verifier should fetch "
                "again at an unknown kid. " + _VERIFIER.capitalize() + ".",
                ("auth#2821",),
            ),
            Cause("It asks another issuer's JWKS.", "Compare its address with the token's iss."),
        ),
        also=("Unable to find a signing key that matches", "unable to find a matching key"),
    ),
)

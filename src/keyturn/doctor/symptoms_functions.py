"""What the main script of Edge Functions answers; it is a mounted file, so versions differ."""

from __future__ import annotations

from typing import Final

from keyturn.doctor.symptom import Cause, Symptom

_RECREATE: Final = "recreate the container with `docker compose up -d`"
_OLD_SCRIPT: Final = Cause(
    "volumes/functions/main/index.ts is an old copy that knows HS256 only. It is a "
    "mounted file; a new image does not update it.",
    "Take the current main/index.ts and set SUPABASE_JWKS; then " + _RECREATE + ".",
    ("edge-runtime#654", "supabase#42244", "supabase#42810"),
)
_NO_JWKS: Final = Cause(
    "SUPABASE_JWKS is missing, commented out, an array or broken; or the name JWT_JWKS "
    "is used, which functions ignore. Then asymmetric tokens are silently unsupported.",
    'Set `SUPABASE_JWKS: ${JWT_JWKS:-{"keys":[]}}` to an object; then ' + _RECREATE + ".",
    ("supabase#45635",),
)

SYMPTOMS: Final = (
    Symptom(
        text="UNAUTHORIZED_ASYMMETRIC_JWT",
        by="Edge Functions, main script of May 2026 and later: 401",
        means="An ES256 or RS256 token came and does not verify against SUPABASE_JWKS.",
        causes=(
            _NO_JWKS,
            Cause(
                "Its kid is not in SUPABASE_JWKS: the key was replaced and functions "
                "were not recreated.",
                "Put the key there; then " + _RECREATE + ".",
            ),
        ),
    ),
    Symptom(
        text="UNAUTHORIZED_LEGACY_JWT",
        by="Edge Functions, main script of May 2026 and later: 401",
        means="An HS256 token came and JWT_SECRET does not verify it, or is not set.",
        causes=(
            Cause(
                "A legacy anon or service_role key of another secret.",
                "Sign it again, or use an sb_ key.",
            ),
            Cause(
                "JWT_SECRET was taken from functions in the last phase of a migration.",
                "That is meant; move the caller to an sb_ key or a user token.",
            ),
        ),
    ),
    Symptom(
        text="UNAUTHORIZED_NO_AUTH_HEADER",
        by="Edge Functions, main script of May 2026 and later: 401",
        means="VERIFY_JWT is on and no `Authorization` came.",
        causes=(
            Cause(
                "A current supabase-js sends sb_ keys only as `apikey`, and the main "
                "script is older than version 3, which looks at sb-api-key.",
                "Update main/index.ts, or set FUNCTIONS_VERIFY_JWT=false and check in "
                "the function.",
                ("supabase#46667",),
            ),
        ),
    ),
    Symptom(
        text="UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM",
        by="Edge Functions, main script of May 2026 and later: 401",
        means="The token's alg is none of HS256, ES256, RS256.",
        causes=(
            Cause(
                "Auth signs EdDSA or ES512, which Auth can and functions cannot.",
                "Sign with ES256.",
            ),
            Cause("The token was made by hand.", "`keyturn token inspect` shows its header."),
        ),
    ),
    Symptom(
        text="UNAUTHORIZED_INVALID_JWT_FORMAT",
        by="Edge Functions, main script of May 2026 and later: 401",
        means="`Authorization` is not exactly `Bearer TOKEN` with a JWT.",
        causes=(
            Cause(
                "An sb_ key is sent as Bearer.", "Send it in `apikey` only.", ("supabase#45058",)
            ),
        ),
    ),
    Symptom(
        text="Invalid JWT",
        by='Edge Functions, older main scripts: 401 {"msg":"Invalid JWT"}',
        means="The main script did not verify the token; its log says why.",
        causes=(
            _OLD_SCRIPT,
            Cause(
                "An sb_ key is sent as `Authorization: Bearer`.",
                "Send it in `apikey`; the Bearer is for user tokens.",
                ("supabase#45058",),
            ),
            Cause(
                "The token is signed by another JWT_SECRET than functions have.",
                "`keyturn doctor --token-file F --service functions` compares them.",
            ),
        ),
        generic=True,
    ),
    Symptom(
        text="Unsupported JWT algorithm: ES256",
        by="Edge Functions: 401",
        means="The main script verifies HS256 only.",
        causes=(_OLD_SCRIPT,),
        also=("Unsupported JWT algorithm",),
    ),
    Symptom(
        text='Unsupported "alg" value for a JSON Web Key Set',
        by="Edge Functions (jose): JOSENotSupported",
        means="An HS256 token was looked up in a JWKS, which that version of jose refuses.",
        causes=(
            Cause(
                "The function or an old main script gives every token to "
                "createLocalJWKSet or createRemoteJWKSet, and a legacy HS256 key came.",
                "Send HS256 tokens to the secret and the others to the JWKS, as the "
                "current main/index.ts does.",
                ("supabase#42755",),
            ),
        ),
        also=("JOSENotSupported",),
    ),
    Symptom(
        text="ERR_JWKS_NO_MATCHING_KEY",
        by="Edge Functions (jose): 401",
        means="The token's kid is not in SUPABASE_JWKS.",
        causes=(
            Cause(
                "The key was replaced, or functions were only restarted.",
                "Put the key into JWT_JWKS; then " + _RECREATE + ".",
            ),
        ),
        also=("no applicable key found in the JSON Web Key Set",),
    ),
    Symptom(
        text="ERR_JWKS_MULTIPLE_MATCHING_KEYS",
        by="Edge Functions (jose): 401",
        means="The token has no kid and SUPABASE_JWKS has two or more keys of its kind.",
        causes=(
            Cause(
                "A rotation added a second EC key, and something still mints tokens without a kid.",
                "Mint with the kid.",
            ),
        ),
        also=("multiple matching keys found in the JSON Web Key Set",),
    ),
)

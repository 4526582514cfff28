"""What Storage writes when it refuses or does not start; HTTP 400 with a statusCode inside."""

from __future__ import annotations

from typing import Final

from keyturn.doctor.symptom import Cause, Symptom

_RECREATE: Final = "recreate the container with `docker compose up -d`"

SYMPTOMS: Final = (
    Symptom(
        text="Unable to parse JWT_JWKS value to JSON",
        by="Storage, at start; the container exits",
        means="JWT_JWKS is not JSON.",
        causes=(
            Cause(
                'An old compose parser added a `}` to `${JWT_JWKS:-{"keys":[]}}`, or '
                "the JSON in .env lost its quotes or was edited.",
                "Write `JWT_JWKS: ${JWT_JWKS}` and keep the value on one line in single "
                "quotes; then " + _RECREATE + ".",
                ("supabase#44754",),
            ),
        ),
    ),
    Symptom(
        text='"alg" (Algorithm) Header Parameter value not allowed',
        by="Storage: 400 (statusCode 403)",
        means="Storage has no key of that family: an ES256 token came and its JWKS is missing "
        "or empty.",
        causes=(
            Cause(
                'The line JWT_JWKS of storage is commented out, or the value is {"keys":[]}.',
                'Uncomment `JWT_JWKS: ${JWT_JWKS:-{"keys":[]}}` and fill JWT_JWKS; then '
                + _RECREATE
                + ".",
                ("supabase#46303", "supabase#46621", "supabase#46531"),
            ),
            Cause(
                "JWT_JWKS is an array: it is parsed and then useless.",
                'Give the object {"keys":[…]}.',
                ("storage#1097",),
            ),
            Cause(
                "AUTH_JWT_ALGORITHM is HS512 to shut out HS256, and a legacy key came.",
                "That is meant; send an ES256 token or an sb_ key.",
            ),
        ),
        also=('"alg" not allowed', '"alg" … not allowed'),
    ),
    Symptom(
        text="Key for the ES256 algorithm must be one of type CryptoKey, KeyObject, or JSON "
        "Web Key. Received an instance of Uint8Array",
        by="Storage: 400 (statusCode 403); log of Edge Functions",
        means="An ES256 token came and no EC key with its kid is there, so the secret was "
        "tried instead.",
        causes=(
            Cause(
                "Storage: the token's kid is not in JWT_JWKS, or the token has none. "
                "The message misleads.",
                "Put the signing key's public half with that kid into JWT_JWKS; then "
                + _RECREATE
                + ".",
                ("supabase#43066", "supabase#46946"),
            ),
            Cause(
                "Edge Functions: volumes/functions/main/index.ts is an old copy that "
                "knows HS256 only. It is a mounted file; a new image does not update "
                "it.",
                "Take the current main/index.ts and set SUPABASE_JWKS; then " + _RECREATE + ".",
                ("edge-runtime#654", "supabase#42244", "supabase#42810", "supabase/cli#4453"),
            ),
        ),
        also=(
            "Key for the ES256 algorithm must be of type CryptoKey",
            "Key for the ES256 algorithm must be one of type CryptoKey",
            "Received an instance of Uint8Array",
        ),
    ),
    Symptom(
        text="Invalid Compact JWS",
        by="Storage: 400 (statusCode 403), S3: 403",
        means="What came as the token is not a JWT: an sb_ key, something cut, or nothing.",
        causes=(
            Cause(
                "An sb_ key is sent as `Authorization: Bearer` past a gateway that "
                "would exchange it.",
                "Send it in the header `apikey` to the gateway.",
                ("supabase/cli#4181", "agent-skills#280"),
            ),
            Cause(
                "SERVICE_KEY of storage is an sb_secret_ key; the S3 protocol verifies "
                "it as a JWT at every request.",
                "Give Storage SERVICE_ROLE_KEY_ASYMMETRIC, or leave SERVICE_KEY empty: "
                "it then signs its own.",
            ),
            Cause(
                "A resumable upload to a signed URL goes to /upload/resumable with an "
                "empty or sb_ Bearer.",
                "Use the route /upload/resumable/sign.",
                ("storage#1268",),
            ),
        ),
    ),
    Symptom(
        text="InvalidJWT",
        by="Storage: 400 on a signed URL",
        means="The signature of the URL's token does not hold any more, or it expired.",
        causes=(
            Cause(
                "JWT_SECRET changed: signed URLs are HS256 by AUTH_JWT_SECRET, so all "
                "old ones died at once.",
                "Issue them again. Before the next change put a `urlSigningKey` into "
                "Storage's own JWT_JWKS; URLs made after that survive it.",
                ("supabase#16529", "storage#629"),
            ),
        ),
    ),
    Symptom(
        text="signature verification failed",
        by="Storage: 400 (statusCode 403), S3: 403 AccessDenied",
        means="A key was found and the signature does not hold under it.",
        causes=(
            Cause(
                "The token is signed by another secret or key than Storage has.",
                "`keyturn doctor --token-file F --service storage` compares them.",
                ("storage#568",),
            ),
            Cause(
                "S3 clients: SERVICE_KEY is still signed by the old secret, and it is "
                "verified at every S3 request.",
                "Sign it again, give SERVICE_ROLE_KEY_ASYMMETRIC, or leave it empty.",
            ),
        ),
    ),
    Symptom(
        text="SignatureDoesNotMatch",
        by="Storage's S3 protocol: 403",
        means="The request that Storage sees is not the one that the S3 client signed.",
        causes=(
            Cause(
                "A path prefix was taken off in front of Storage.",
                "Set REQUEST_ALLOW_X_FORWARDED_PATH=true and STORAGE_PUBLIC_URL.",
            ),
            Cause(
                "The header `apikey` is sent along, and Envoy then overwrites the SigV4 "
                "Authorization.",
                "Do not send `apikey` with S3 requests.",
            ),
        ),
    ),
    Symptom(
        text="PGRST_JWT_SECRET is undefined",
        by="Storage, at start; the container exits",
        means="Neither AUTH_JWT_SECRET nor PGRST_JWT_SECRET reaches Storage.",
        causes=(
            Cause(
                "The secret was removed in the belief that the JWKS replaces it.",
                "Keep AUTH_JWT_SECRET set; to revoke HS256 give it a new random value.",
            ),
        ),
    ),
    Symptom(
        text="jwks.keys.find is not a function",
        by="Storage: 500",
        means="JWT_JWKS is a JSON array and must be an object.",
        causes=(
            Cause(
                "The array of GOTRUE_JWT_KEYS was put there.",
                'Give {"keys":[…]} with public keys; then ' + _RECREATE + ".",
            ),
        ),
    ),
    Symptom(
        text='"exp" claim timestamp check failed',
        by="Storage and Edge Functions: 400 or 401",
        means="The token has expired; no leeway is given.",
        causes=(
            Cause("The session was not refreshed.", "Refresh it."),
            Cause(
                "It is an API key that expired, such as the demo keys (2027-01-09).",
                "Make keys of your own.",
            ),
        ),
    ),
    Symptom(
        text="headers must have required property 'authorization'",
        by="Storage: 400, InvalidRequest",
        means="No Authorization header reached Storage.",
        causes=(
            Cause(
                "The request has neither a token nor a key that the gateway would turn into one.",
                "Send an sb_ key in `apikey` through the gateway, or `Authorization: "
                "Bearer TOKEN`.",
            ),
        ),
    ),
    Symptom(
        text="Studio can't list buckets",
        by="Studio",
        means="Studio's SUPABASE_SERVICE_KEY is not one that Storage accepts.",
        causes=(
            Cause(
                "After the migration the key is signed by a secret that is not in the JWKS.",
                "Give Studio the key that the gateway knows (sb_secret_ with Envoy), or "
                "add the oct key again.",
                ("supabase#44055",),
            ),
        ),
        also=("can't list buckets",),
    ),
)

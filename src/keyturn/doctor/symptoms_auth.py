"""What Auth (GoTrue) writes when it refuses a token or does not start."""

from __future__ import annotations

from typing import Final

from keyturn.doctor.symptom import Cause, Symptom

_RECREATE: Final = "recreate the container with `docker compose up -d`"

SYMPTOMS: Final = (
    Symptom(
        text="signing method HS256 is invalid",
        by="Auth (GoTrue): 403, bad_jwt",
        means="The token is HS256, and HS256 is not among the algorithms that Auth accepts.",
        causes=(
            Cause(
                "GOTRUE_JWT_KEYS has no `oct` key while legacy anon and service_role "
                "keys (HS256) are still sent.",
                "Add the legacy secret to JWT_KEYS as an oct key with alg HS256 until "
                "nobody uses it, or move those clients to sb_ keys; then " + _RECREATE + ".",
                ("supabase#42037", "supabase/cli#4820", "supabase/cli#4524"),
            ),
            Cause(
                "The list of accepted algorithms is spelt for another version: "
                "GOTRUE_JWT_VALIDMETHODS up to 2.186, GOTRUE_JWT_VALID_METHODS from "
                "2.187.",
                "Set both spellings to the same comma-separated list.",
                ("auth#2334", "auth#2403", "supabase/cli#4817"),
            ),
            Cause(
                "The local Supabase CLI changed its default to ES256 in 2.71.1 and your "
                "keys are the old ones.",
                "Take the keys that `supabase status` prints now.",
                ("supabase/cli#4688", "supabase/cli#4726"),
            ),
        ),
    ),
    Symptom(
        text="signing method ES256 is invalid",
        by="Auth (GoTrue): 403, bad_jwt",
        means="The token is ES256, and ES256 is not among the algorithms that Auth accepts.",
        causes=(
            Cause(
                "GOTRUE_JWT_KEYS did not reach the container: its line is commented "
                "out, or the container was only restarted.",
                "Uncomment `GOTRUE_JWT_KEYS: ${JWT_KEYS:-[]}`, then " + _RECREATE + ".",
                ("supabase/cli#4488", "supabase/cli#4098"),
            ),
            Cause(
                "The EC key in JWT_KEYS has no `alg`, so the list contains an empty "
                "entry instead of ES256.",
                'Write "alg":"ES256" into the key, then ' + _RECREATE + ".",
                ("GoTrue 2.196 source",),
            ),
            Cause(
                "GOTRUE_JWT_VALID_METHODS (or VALIDMETHODS) names HS256 only.",
                "Add ES256 under both spellings.",
            ),
        ),
    ),
    Symptom(
        text="unrecognized JWT kid",
        by="Auth (GoTrue): 403, bad_jwt",
        means="Auth has no key of that kid (or the asymmetric token has none).",
        causes=(
            Cause(
                "The key that signed it was replaced: add-new-auth-keys.sh makes a new "
                "EC key each time and keeps no old one.",
                'Rotate with overlap: keep the old public key with key_ops ["verify"] '
                "in JWT_KEYS until its tokens have expired. Users with such tokens "
                "refresh, or sign in again.",
            ),
            Cause(
                "The ASYMMETRIC API tokens are still signed by the removed key.",
                "Sign ANON_KEY_ASYMMETRIC and SERVICE_ROLE_KEY_ASYMMETRIC again before "
                "the key goes.",
            ),
            Cause(
                "The token was minted without a kid.", "Put the key's kid into the token's header."
            ),
        ),
    ),
    Symptom(
        text="no signing key detected",
        by="Auth (GoTrue), at start; the container exits",
        means="No key in GOTRUE_JWT_KEYS has key_ops with `sign`.",
        causes=(
            Cause(
                "A rotation left every key verify-only, or the public JWKS was put "
                "where the private array belongs.",
                'Give exactly one private key key_ops ["sign","verify"]; all others ["verify"].',
                ("GoTrue 2.196 source",),
            ),
        ),
    ),
    Symptom(
        text="multiple signing keys detected, only 1 signing key is supported",
        by="Auth (GoTrue), at start; the container exits",
        means="More than one key in GOTRUE_JWT_KEYS has key_ops with `sign`.",
        causes=(
            Cause(
                "A new key was added with `sign` while the old one still has it.",
                "Leave `sign` on the one key in use; the standby and the previous key "
                'get ["verify"].',
                ("GoTrue 2.196 source",),
            ),
        ),
        also=("multiple signing keys detected",),
    ),
    Symptom(
        text="cannot unmarshal object into Go value of type []config.JWK",
        by="Auth (GoTrue), at start; the container exits",
        means="GOTRUE_JWT_KEYS is a JSON object and must be an array.",
        causes=(
            Cause(
                'JWT_KEYS was given the JWKS form {"keys":[…]} that the other services want.',
                "Write the array alone: [{…private EC key…},{…oct key…}].",
                ("supabase#42037",),
            ),
        ),
        also=("cannot unmarshal object into Go value of type",),
    ),
    Symptom(
        text="key is of invalid type: HMAC sign expects []byte",
        by="Auth (GoTrue): 500 at the first sign-in",
        means="Auth starts and publishes the key, then tries to sign HS256 with an EC key.",
        causes=(
            Cause(
                "The EC key in JWT_KEYS has no `alg`.",
                'Write "alg":"ES256" into the key, then ' + _RECREATE + ".",
                ("GoTrue 2.196 source",),
            ),
        ),
        also=("HMAC sign expects []byte",),
    ),
    Symptom(
        text="This endpoint requires a valid Bearer token",
        by="Auth (GoTrue): 401, no_authorization",
        means="No `Authorization: Bearer` reached Auth.",
        causes=(
            Cause(
                "Kong got a legacy key in `apikey` alone and forwards it without `Bearer`.",
                "Send `Authorization: Bearer KEY` too, or use an sb_secret_ key or Envoy.",
            ),
            Cause("The client has no session.", "Sign in first, or send the token."),
        ),
    ),
    Symptom(
        text="unable to parse or verify signature",
        by="Auth (GoTrue): 403, bad_jwt",
        means="The frame of every signature complaint; what follows it says which one.",
        causes=(
            Cause(
                "The rest of the message names the cause.",
                'Look that part up as well, for example "signing method HS256 is '
                'invalid" or "unrecognized JWT kid".',
            ),
            Cause(
                "The token was signed with another secret or key than Auth has.",
                "`keyturn doctor --token-file F` names the first step that refuses it.",
            ),
        ),
        also=(
            "bad_jwt",
            "invalid JWT: unable to parse or verify signature",
            "signature is invalid",
            "invalid signature",
        ),
        generic=True,
    ),
    Symptom(
        text='{"keys":[]}',
        by="Auth (GoTrue): /.well-known/jwks.json, 200",
        means="Auth publishes no public key.",
        causes=(
            Cause(
                "GOTRUE_JWT_KEYS is unset, commented out, or holds only the legacy oct "
                "key, which is never published.",
                "Set JWT_KEYS with an EC key, uncomment the line, then " + _RECREATE + ".",
                ("supabase#40915", "supabase/cli#4614", "supabase/cli#4662"),
            ),
        ),
    ),
    Symptom(
        text="failed to parse jwk",
        by="Auth (GoTrue), at start; the container exits",
        means="An entry of GOTRUE_JWT_KEYS is not a JWK.",
        causes=(
            Cause(
                'JWT_KEYS has the form {"alg","key_id","private_key": PEM} of a widely '
                "copied guide. No service reads PEM there.",
                "Write RFC 7517 keys: kty, crv, x, y, d, kid, alg, use, key_ops. "
                "`keyturn keys import` reads the PEM and writes them.",
            ),
        ),
    ),
)

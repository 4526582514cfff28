"""What PostgREST writes when it refuses, and what row-level security says after it did not."""

from __future__ import annotations

from typing import Final

from keyturn.doctor.symptom import Cause, Symptom

_RECREATE: Final = (
    "then recreate the container with `docker compose up -d` (a restart keeps the old environment)"
)

SYMPTOMS: Final = (
    Symptom(
        text="No suitable key or wrong key type",
        by="PostgREST 13 and later: 401, PGRST301",
        means="PostgREST has no key that fits the token: its kid, its alg or its kind of key.",
        causes=(
            Cause(
                "PGRST_JWT_SECRET is not a valid JWKS, so PostgREST silently takes the "
                "whole text as one HS256 secret. Typical: it ends with `]}}` because "
                "podman-compose before 1.6 or an old docker-compose mis-parses "
                '`${JWT_JWKS:-{"keys":[]}}` or the nested `${JWT_JWKS:-${JWT_SECRET}}`.',
                "Write `PGRST_JWT_SECRET: ${JWT_JWKS}` and keep JWT_JWKS on one line, "
                + _RECREATE
                + ".",
                ("supabase#44754", "PostgREST source"),
            ),
            Cause(
                "The token's kid is not in the set: Auth signs with a key that "
                "PostgREST was never given, or add-new-auth-keys.sh ran again and "
                "replaced the key.",
                "Put the public half of Auth's signing key into JWT_JWKS, keep the old "
                "key beside it until its tokens have expired, " + _RECREATE + ".",
                ("supabase#46303",),
            ),
            Cause(
                "The token is HS256 (a legacy anon or service_role key) and the set has "
                "no `oct` key, or its `k` is not base64url of the raw JWT_SECRET.",
                'Add {"kty":"oct","alg":"HS256","k":…} with k = base64url without '
                "padding of the secret's text, without a kid; or move the client to an "
                "sb_ key.",
            ),
            Cause(
                "The token has a kid and the matching key in the set has none (since "
                "PostgREST 13 such a key never matches).",
                "Add the kid to the key in JWT_JWKS.",
                ("PostgREST#4048", "PostgREST#3598"),
            ),
            Cause(
                "A leftover `pgrst.jwt_secret` in the database overrides the environment.",
                "ALTER ROLE authenticator RESET pgrst.jwt_secret; NOTIFY pgrst, 'reload config';",
                ("PostgREST source",),
            ),
        ),
        also=("No suitable key was found to decode the JWT",),
    ),
    Symptom(
        text="None of the keys was able to decode the JWT",
        by="PostgREST 13 and later: 401, PGRST301 (details)",
        means="A key of the right kind is there, and the signature does not hold under it.",
        causes=(
            Cause(
                "ANON_KEY, SERVICE_ROLE_KEY or the token were signed with another "
                "secret than PostgREST has: one of them was changed alone.",
                "Sign the keys again with the JWT_SECRET in force, and change them "
                "everywhere at once.",
                ("supabase#17164", "supabase#28611"),
            ),
            Cause(
                "The `k` of the oct key in JWT_JWKS is stale, padded, standard base64, "
                "or the secret itself.",
                "k = base64url without padding of the text of the secret that the "
                "containers really get (watch quotes, `$` and ` #` in .env).",
            ),
        ),
    ),
    Symptom(
        text="Expected 3 parts in JWT; got 1",
        by="PostgREST: 401, PGRST301",
        means="What stands after `Bearer` is not a JWT: an sb_ key reached PostgREST itself.",
        causes=(
            Cause(
                "An sb_publishable_ or sb_secret_ key is sent as `Authorization: "
                "Bearer`, and no gateway exchanges it: the request goes past the "
                "gateway, or its configuration is older than March 2026.",
                "Send the key in the header `apikey` to the gateway; update the "
                "gateway's configuration if it does not know sb_ keys.",
                ("supabase-py#1228", "supabase-py#1230", "supabase-js#1568"),
            ),
            Cause(
                "The gateway's exchange is off because one of its four values is empty "
                "(SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY, ANON_KEY_ASYMMETRIC, "
                "SERVICE_ROLE_KEY_ASYMMETRIC).",
                "Fill all four, " + _RECREATE + ".",
            ),
        ),
        also=("Expected 3 parts in JWT; got",),
    ),
    Symptom(
        text="Empty JWT is sent in Authorization header",
        by="PostgREST: 401, PGRST301",
        means="The header is `Authorization: Bearer` with nothing behind it.",
        causes=(
            Cause(
                "Kong exchanges an sb_ key for ANON_KEY_ASYMMETRIC or "
                "SERVICE_ROLE_KEY_ASYMMETRIC, and that is empty.",
                "Fill both with tokens signed by the key in use, " + _RECREATE + ".",
            ),
            Cause(
                "The client sets the header before it has a session.",
                "Leave the header out until there is a token.",
            ),
        ),
    ),
    Symptom(
        text="JWSError JWSInvalidSignature",
        by="PostgREST up to 12: 401, PGRST301 (also seen in Studio and Edge Functions that "
        "pass it on)",
        means="No key of PostgREST verifies this token's signature.",
        causes=(
            Cause(
                "ANON_KEY and SERVICE_ROLE_KEY are not signed by the JWT_SECRET that "
                "PostgREST got: only one of the three was changed, or .env quotes or "
                "cuts the value.",
                "Sign both keys again with the secret in force, " + _RECREATE + ".",
                ("supabase#17164", "supabase#28611", "supabase#35459", "supabase#4879"),
            ),
            Cause(
                "Auth signs with a key that PostgREST was not given.",
                "Give PostgREST the JWKS, " + _RECREATE + ".",
            ),
        ),
        also=("JWSInvalidSignature",),
    ),
    Symptom(
        text="JWT issued at future",
        by="PostgREST: 401, PGRST303",
        means="The token's iat is more than 30 seconds ahead of PostgREST's clock.",
        causes=(
            Cause(
                "The clocks of Auth (or of the machine that signed) and of PostgREST differ.",
                "Run NTP on both hosts; restart virtual machines whose clock stood "
                "still while suspended.",
                ("supabase#49655", "supabase#50651", "supabase#41294"),
            ),
            Cause(
                "PostgREST 14.16 and 16.0 read the time wrongly.",
                "Use 14.17, 16.1 or later.",
                ("PostgREST#5196",),
            ),
        ),
    ),
    Symptom(
        text="JWT expired",
        by="PostgREST: 401, PGRST303",
        means="The token's exp has passed by more than 30 seconds.",
        causes=(
            Cause(
                "The session was not refreshed.",
                "Refresh it; supabase-js does so by itself unless autoRefreshToken is off.",
            ),
            Cause(
                "It is an API key: the demo ANON_KEY and SERVICE_ROLE_KEY of "
                "`.env.example` expire on 2027-01-09 at 23:00 UTC.",
                "Make keys of your own; `keyturn doctor` says which of yours expire, and when.",
            ),
        ),
    ),
    Symptom(
        text="JWT not in audience",
        by="PostgREST: 401, PGRST303",
        means="PGRST_JWT_AUD is set and the token's aud does not contain it.",
        causes=(
            Cause(
                "API keys carry no aud, and user tokens `authenticated`.",
                "Unset PGRST_JWT_AUD, as the official files do, or mint tokens with that aud.",
            ),
        ),
    ),
    Symptom(
        text="Server lacks JWT secret",
        by="PostgREST: 500, PGRST300",
        means="PGRST_JWT_SECRET is empty and a token came.",
        causes=(
            Cause(
                "JWT_JWKS and JWT_SECRET are both empty for this container, often "
                "because Compose ran without its .env.",
                "Set them, " + _RECREATE + ".",
                ("supabase#43939",),
            ),
        ),
    ),
    Symptom(
        text="The JWT secret must be at least 32 characters long",
        by="PostgREST 13 and later, at start",
        means="PGRST_JWT_SECRET is a text of fewer than 32 characters, and PostgREST does not "
        "start.",
        causes=(
            Cause(
                "The secret predates PostgREST 13, or a truncated JWKS is taken as a secret.",
                "Use a secret of at least 32 characters, and sign ANON_KEY and "
                "SERVICE_ROLE_KEY again with it.",
                ("PostgREST changelog",),
            ),
        ),
        also=("must be at least 32 characters",),
    ),
    Symptom(
        text="Anonymous access is disabled",
        by="PostgREST: 401, PGRST302",
        means="No token came, and PostgREST has no anonymous role.",
        causes=(
            Cause(
                "PGRST_DB_ANON_ROLE is unset.",
                "Set it to `anon`, as the official files do, or send a token.",
            ),
            Cause(
                "`Authorization` carries something that is not `Bearer …`, which "
                "PostgREST reads as no token.",
                "Send `Authorization: Bearer TOKEN`.",
            ),
        ),
    ),
    Symptom(
        text="Wrong or unsupported encoding algorithm",
        by="PostgREST: 401, PGRST301",
        means="The token's header names an alg that PostgREST does not verify (such as none).",
        causes=(
            Cause(
                "The token was made by hand, or is an attack.",
                "Sign with ES256, RS256 or HS256; `keyturn token inspect` shows the header.",
            ),
        ),
    ),
    Symptom(
        text="JWT cryptographic operation failed",
        by="PostgREST: 401, PGRST301",
        means="The token cannot be read: its base64 or its JSON header is broken.",
        causes=(
            Cause(
                "It was cut, or carries a line break or quotes from a copy.",
                "Copy it whole; `keyturn token inspect` says what is wrong with it.",
            ),
        ),
    ),
    Symptom(
        text="new row violates row-level security policy",
        by="PostgreSQL 42501, passed on by PostgREST and Storage (403)",
        means="The request ran as another role or user than you think: often anon, with "
        "auth.uid() null.",
        causes=(
            Cause(
                "Auth signs ES256 and the service still verifies HS256 only (its JWKS "
                "line is commented out), so it treats the user as anon.",
                "Uncomment API_JWT_JWKS (realtime), JWT_JWKS (storage) and "
                "SUPABASE_JWKS (functions), " + _RECREATE + ".",
                ("supabase#46303", "supabase#46531", "supabase#46621", "storage#741"),
            ),
            Cause(
                "Kong got a legacy key in `apikey` alone and forwards it without "
                "`Bearer`, so PostgREST answers as anon.",
                "Send `Authorization: Bearer KEY` too, or an sb_ key, or use Envoy.",
            ),
            Cause(
                "The policy really forbids it.",
                "Compare the policy with the token's claims: `keyturn token inspect`.",
            ),
        ),
        also=("row violates row-level security policy",),
    ),
    Symptom(
        text="auth.uid() is null",
        by="a policy or function in PostgreSQL",
        means="The service did not accept the user's token and went on as anon.",
        causes=(
            Cause(
                "Right in REST and null in Storage or Realtime: their JWKS lines are "
                "still commented out while Auth signs ES256.",
                "Uncomment JWT_JWKS (storage) and API_JWT_JWKS (realtime), " + _RECREATE + ".",
                ("supabase#46303", "supabase#46621", "supabase#46531"),
            ),
            Cause(
                "The client sends the API key instead of the session's access token as Bearer.",
                "Send the user's access_token in `Authorization`, and the key in `apikey`.",
            ),
        ),
        also=("auth.uid() null", "auth.uid() returns null"),
    ),
)

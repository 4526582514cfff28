"""What Realtime writes when it refuses or does not start; the pooler shares some words."""

from __future__ import annotations

from typing import Final

from keyturn.doctor.symptom import Cause, Symptom

_RECREATE: Final = "recreate the container with `docker compose up -d`"

SYMPTOMS: Final = (
    Symptom(
        text="Failed to generate JWT signer for key ID (kid)",
        by="Realtime: 401 on the WebSocket; log JwtSignerError",
        means="The token's kid is not in the tenant's JWKS.",
        causes=(
            Cause(
                "API_JWT_JWKS was changed and the container only restarted, so the "
                "tenant row was seeded from the old value.",
                "Realtime reads API_JWT_JWKS when it seeds: " + _RECREATE + ".",
                ("Realtime 2.129 source",),
            ),
            Cause(
                "API_JWT_JWKS is commented out, or the name JWT_JWKS is used, which "
                "Realtime ignores.",
                'Uncomment `API_JWT_JWKS: ${JWT_JWKS:-{"keys":[]}}`, then ' + _RECREATE + ".",
                ("supabase#46303",),
            ),
            Cause(
                "The tenant row is stale because SEED_SELF_HOST is off.",
                "Set SEED_SELF_HOST=true, or PUT /api/tenants/realtime-dev with the new jwt_jwks.",
                ("realtime#1336",),
            ),
        ),
        also=(
            "Failed to generate JWT signer",
            "JwtSignerError",
            "check your JWT secret or JWKS configuration",
        ),
    ),
    Symptom(
        text="MalformedJWT",
        by="Realtime: 401 on the WebSocket; channel error",
        means="What came as the key is not a JWT: an sb_ key reached Realtime itself.",
        causes=(
            Cause(
                "The gateway does not exchange sb_publishable_ keys for Realtime: its "
                "configuration is old, or one of its four sb_ and ASYMMETRIC values is "
                "empty.",
                "Update the gateway's configuration, fill the four values, then " + _RECREATE + ".",
                ("realtime#1561", "supabase/cli#4219"),
            ),
            Cause(
                "The client connects past the gateway.", "Connect to /realtime/v1 at the gateway."
            ),
        ),
        also=("The token provided is not a valid JWT", "InvalidJWTToken"),
    ),
    Symptom(
        text="is invalid, type: :map",
        by="Realtime, while seeding; boot loop",
        means="API_JWT_JWKS is a JSON array, and the column jwt_jwks wants an object.",
        causes=(
            Cause(
                "The array of GOTRUE_JWT_KEYS was put into API_JWT_JWKS.",
                'Give the object {"keys":[…]} with public keys, then ' + _RECREATE + ".",
                ("realtime#1269",),
            ),
        ),
        also=("type: :map",),
    ),
    Symptom(
        text="Jason.DecodeError",
        by="Realtime, while seeding; boot loop",
        means="API_JWT_JWKS is not JSON, or is an empty string.",
        causes=(
            Cause(
                "The variable is set but empty (`API_JWT_JWKS: ${JWT_JWKS}` with JWT_JWKS unset).",
                'Comment the line out, or give it a default: `${JWT_JWKS:-{"keys":[]}}`.',
                ("Realtime 2.129 source",),
            ),
            Cause(
                "Its JSON is broken: a brace added by an old compose parser, or quotes "
                "lost in .env.",
                "Keep JWT_JWKS on one line in single quotes; check it with `docker inspect`.",
                ("supabase#44754",),
            ),
        ),
    ),
    Symptom(
        text="Fields `role` and `exp` are required in JWT",
        by="Realtime: 401 on the WebSocket",
        means="The token has no role or no exp; Realtime insists on both.",
        causes=(Cause("The token was minted by hand.", "Give it `role` and a numeric `exp`."),),
    ),
    Symptom(
        text="Token has expired",
        by="Realtime: 401 on the WebSocket",
        means="The token's exp has passed; Realtime allows no leeway.",
        causes=(
            Cause(
                "The session was not refreshed, or the socket was opened with an old token.",
                "Refresh, and call realtime.setAuth() with the new token.",
            ),
            Cause(
                "It is an API key that expired, such as the demo ANON_KEY (2027-01-09).",
                "Make keys of your own.",
            ),
        ),
    ),
    Symptom(
        text="Failed to validate JWT signature",
        by="Realtime: 401 on the WebSocket; log JwtSignatureError",
        means="A key was found and the signature does not hold under it.",
        causes=(
            Cause(
                "JWT_SECRET changed and the tenant row keeps the old one "
                "(SEED_SELF_HOST off, or DB_ENC_KEY changed so that the row cannot be "
                "read).",
                "Set SEED_SELF_HOST=true and " + _RECREATE + ", or PUT the tenant.",
                ("realtime#1336", "realtime#415"),
            ),
            Cause(
                "ANON_KEY is not signed by the API_JWT_SECRET that Realtime has.",
                "Sign it again with that secret.",
            ),
        ),
        also=("JwtSignatureError", "{:error, :signature_error}"),
    ),
    Symptom(
        text="Startup probe failed: HTTP probe failed with statuscode: 403",
        by="Docker or Kubernetes, about the Realtime container",
        means="The health check of Realtime is refused: its token is not HS256 signed with "
        "API_JWT_SECRET.",
        causes=(
            Cause(
                "The health check sends ANON_KEY, and that was changed, emptied or "
                "signed anew with ES256. The tenants API accepts HMAC tokens only, "
                "whatever the JWKS says.",
                "Give the health check a token of its own: HS256, signed with API_JWT_SECRET.",
                ("supabase#40326", "coolify#2602", "Dokploy#1149"),
            ),
        ),
        also=(
            "Startup probe failed",
            "container realtime-dev.supabase-realtime is unhealthy",
            "supabase-realtime is unhealthy",
            "tenants/realtime-dev/health 403",
        ),
    ),
    Symptom(
        text="API key is missing",
        by="Realtime: 401 on the WebSocket",
        means="Neither the header x-api-key nor the query apikey reached Realtime.",
        causes=(
            Cause(
                "The client connects without ?apikey=…, or a proxy in front drops the query.",
                "Pass the key; supabase-js does so by itself.",
            ),
            Cause(
                "Kong sets x-api-key from the query only, and the key came in a header.",
                "Send it as ?apikey=….",
            ),
        ),
    ),
    Symptom(
        text="Tenant not found",
        by="Realtime: 404",
        means="The first label of the Host header is not a tenant (the official one is "
        "realtime-dev).",
        causes=(
            Cause(
                "The container was renamed, or a proxy keeps the public Host.",
                "Keep the name realtime-dev.supabase-realtime, or rewrite the Host as "
                "the official gateways do.",
            ),
            Cause(
                "The tenant was never seeded.", "Set SEED_SELF_HOST=true, then " + _RECREATE + "."
            ),
        ),
        also=("TenantNotFound",),
    ),
)

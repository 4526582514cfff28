"""What the gateways (Kong, Envoy) answer before any service is asked, or write when they stop."""

from __future__ import annotations

from typing import Final

from keyturn.doctor.symptom import Cause, Symptom

_RECREATE: Final = "recreate the gateway with `docker compose up -d`"

SYMPTOMS: Final = (
    Symptom(
        text="Invalid authentication credentials",
        by="Kong: 401",
        means="The `apikey` is none of the strings that Kong was given.",
        causes=(
            Cause(
                "ANON_KEY or SERVICE_ROLE_KEY changed and Kong still has the old one: "
                "it reads its file at start.",
                "After any change of a key " + _RECREATE + ".",
                ("supabase#19713", "supabase#35732"),
            ),
            Cause(
                "The client has a key of another installation, or a demo key.",
                "Compare: `keyturn doctor --token-file F` with the key in the file.",
            ),
            Cause(
                "A JWT of a custom role is sent as `apikey`; keys are compared as texts.",
                "Send the anon or publishable key as `apikey` and the JWT as "
                "`Authorization: Bearer`.",
                ("supabase#38911", "supabase#38611"),
            ),
            Cause(
                "Kubernetes: the Secret changed, the Kong consumers or pods did not.",
                "Roll the gateway's pods out again.",
                ("supabase-kubernetes#205",),
            ),
        ),
    ),
    Symptom(
        text="No API key found in request",
        by="Kong: 401",
        means="Neither the header nor the query parameter `apikey` came.",
        causes=(
            Cause(
                "The client sends only `Authorization`, or a proxy in front drops the header.",
                "Send `apikey` as well; supabase-js does so by itself.",
            ),
        ),
    ),
    Symptom(
        text="You cannot consume this service",
        by="Kong: 403",
        means="The key is known and its consumer may not use this route (acl).",
        causes=(
            Cause(
                "A service-only route (/pg, the root of /rest/v1) was asked with the "
                "anon or publishable key.",
                "Use the service_role or sb_secret_ key there, on a server.",
            ),
        ),
    ),
    Symptom(
        text="Invalid API key",
        by="Envoy on /functions/v1: 401; hosted Supabase",
        means="An sb_ key came that is not one of this installation's.",
        causes=(
            Cause(
                "The key was rotated (rotate-new-api-keys.sh cuts at once) and the "
                "client has the old one.",
                "Give the client the new key.",
            ),
            Cause(
                "The gateway was restarted instead of recreated and compares with the old key.",
                "After a change of a key " + _RECREATE + ".",
            ),
        ),
    ),
    Symptom(
        text="Conflicting API keys",
        by="Envoy on /functions/v1: 401",
        means="`apikey` and `Authorization: Bearer sb_…` carry two different sb_ keys.",
        causes=(
            Cause(
                "An old SDK repeats the key as Bearer and one of the two settings is stale.",
                "Send the key as `apikey` only.",
            ),
        ),
    ),
    Symptom(
        text="RBAC: access denied",
        by="Envoy: 403",
        means="The key is not allowed on this route.",
        causes=(
            Cause(
                "/rest/v1/ itself, /pg and some others are for service_role only; anon "
                "gets 403 there.",
                "Ask for a table, or use the sb_secret_ key on a server.",
            ),
            Cause(
                "/realtime/v1/api/tenants is closed to everybody, as it should be.",
                "Ask Realtime inside the Docker network.",
            ),
        ),
    ),
    Symptom(
        text="Access is forbidden.",
        by="Kong: 403",
        means="The route is closed on purpose (tenants API, MCP).",
        causes=(
            Cause(
                "Current gateway files close these routes.",
                "Ask the service inside the Docker network.",
            ),
        ),
    ),
    Symptom(
        text="legacy API key mode (sb_ keys disabled)",
        by="Envoy's or Kong's container log, at start",
        means="The gateway does not know sb_ keys: one of four values is empty.",
        causes=(
            Cause(
                "SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY, ANON_KEY_ASYMMETRIC or "
                "SERVICE_ROLE_KEY_ASYMMETRIC is empty in the container.",
                "Fill all four in .env, then "
                + _RECREATE
                + "; a restart keeps the old environment.",
            ),
        ),
        also=("legacy API key mode",),
    ),
    Symptom(
        text="JWT_ISSUER must start with http",
        by="the gateway's entrypoint; the container exits",
        means="API_EXTERNAL_URL is not a URL.",
        causes=(
            Cause(
                "It is empty or lacks the scheme.",
                "Write https://HOST/auth/v1, then " + _RECREATE + ".",
            ),
        ),
    ),
    Symptom(
        text="expected a string",
        by="Kong, at start; the container exits",
        means="A value in the rendered kong.yml was read as a number or cut by a special "
        "character.",
        causes=(
            Cause(
                "DASHBOARD_PASSWORD is numeric or contains characters special to YAML.",
                "Quote it in kong.yml, or take a password of letters and digits.",
                ("supabase#18847", "supabase#38197", "supabase#42028"),
            ),
        ),
        generic=True,
    ),
    Symptom(
        text="Unauthorized",
        by="Envoy: 401 text/plain; Realtime's REST interface; many others",
        means="Envoy: the `apikey` is missing or is none of the configured keys.",
        causes=(
            Cause(
                "An sb_ key came and sb_ mode is off: one of the four sb_ and "
                "ASYMMETRIC values is empty.",
                "Fill them, then " + _RECREATE + ".",
            ),
            Cause(
                "The container was restarted, not recreated, after a key changed.",
                "After a change " + _RECREATE + ".",
            ),
            Cause(
                "The key belongs to another installation.",
                "`keyturn doctor --token-file F` with the key in the file.",
            ),
        ),
        also=("401 Unauthorized",),
        generic=True,
    ),
)

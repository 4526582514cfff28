"""Studio and postgres-meta: they check no tokens themselves, the gateway stands in front of them.

Source: services.md §8 and §9. Studio *holds* keys (``SUPABASE_ANON_KEY``, ``SUPABASE_SERVICE_KEY``,
``AUTH_JWT_SECRET``) and sends them; whether they are taken is the other services' verdict, see
:func:`keyturn.profiles.deployment.studio_calls`.
"""

from __future__ import annotations

from keyturn.deploy.inventory import Kind
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.request import Request
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Outcome, Verdict

_WORDS = {
    Kind.STUDIO: "Studio checks nothing: whoever reaches its port is the operator.",
    Kind.META: "postgres-meta checks no token: whoever reaches its port may do everything.",
}


def judge(request: Request) -> Verdict:
    """Return that nobody checks."""
    trail = Trail(request.service)
    return trail.end(Outcome.OPEN, _WORDS[request.service])


BEHAVIOURS = (
    Behaviour(
        Kind.STUDIO,
        "all known",
        (
            "SUPABASE_ANON_KEY",
            "SUPABASE_SERVICE_KEY",
            "AUTH_JWT_SECRET",
            "SUPABASE_PUBLISHABLE_KEY",
            "SUPABASE_SECRET_KEY",
        ),
        "checks no token; sends its service key to the gateway and to Storage",
        "the gateway asks for DASHBOARD_USERNAME and DASHBOARD_PASSWORD",
        "supabase/supabase `docker-compose.yml`; supabase #44055",
    ),
    Behaviour(
        Kind.META,
        "all known",
        (),
        "checks no token; the gateway lets only the service role reach `/pg/`",
        "the gateway's 401 or 403",
        "supabase/supabase `kong.yml`, `lds.template.yaml`",
    ),
)

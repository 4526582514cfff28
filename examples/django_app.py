"""Django in one file, behind Keyturn's middleware.

Run it for the Supabase API at an address:

    python examples/django_app.py https://api.example.com
"""

from __future__ import annotations

import sys

import django
import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from keyturn import Verifier
from keyturn.integrations.protocol import VerifiesTokens


def whoami(request: HttpRequest) -> JsonResponse:
    """Tell the caller who the token says they are."""
    return JsonResponse({"sub": request.claims["sub"]})


async def whoami_async(request: HttpRequest) -> JsonResponse:
    """Do the same in an asynchronous view."""
    return JsonResponse({"sub": request.claims["sub"]})


urlpatterns = [path("whoami", whoami), path("whoami-async", whoami_async)]


def configure(verifier: VerifiesTokens) -> None:
    """Stand in for a settings module."""
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1", "testserver"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["keyturn.integrations.django.BearerMiddleware"],
        KEYTURN_VERIFIER=verifier,  # or the dotted path of one, as "shop.tokens.verifier"
    )
    django.setup()


if __name__ == "__main__":
    # Plain HTTP only to this machine, where `keyturn up` listens.
    verifier = Verifier.supabase(sys.argv[1], allow_http_hosts={"127.0.0.1"})
    configure(verifier)
    uvicorn.run(get_asgi_application(), port=8013)

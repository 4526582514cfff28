"""Django REST framework in one file, with Keyturn's authentication class.

Run it for the Supabase API at an address:

    python examples/drf_app.py https://api.example.com
"""

from __future__ import annotations

import sys

import django
import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

from keyturn import Verifier
from keyturn.integrations.protocol import VerifiesTokens


def configure(verifier: VerifiesTokens) -> None:
    """Stand in for a settings module."""
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1", "testserver"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["rest_framework"],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["keyturn.integrations.django.BearerAuthentication"],
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            "UNAUTHENTICATED_USER": None,  # no table of users is needed
        },
        KEYTURN_VERIFIER=verifier,  # or the dotted path of one, as "shop.tokens.verifier"
    )
    django.setup()


def routes() -> list[object]:
    """Return the URL patterns; DRF can be imported once Django is configured."""
    from rest_framework.decorators import api_view, permission_classes
    from rest_framework.permissions import AllowAny
    from rest_framework.request import Request
    from rest_framework.response import Response

    @api_view(["GET"])
    def whoami(request: Request) -> Response:
        return Response({"sub": request.user.pk, "role": request.auth["role"]})

    @api_view(["GET"])
    @permission_classes([AllowAny])
    def greeting(request: Request) -> Response:
        return Response(f"hello, {request.user.pk}" if request.user else "hello, stranger")

    return [path("whoami", whoami), path("greeting", greeting)]


def __getattr__(name: str) -> object:
    if name == "urlpatterns":
        return routes()
    raise AttributeError(name)


if __name__ == "__main__":
    # Plain HTTP only to this machine, where `keyturn up` listens.
    verifier = Verifier.supabase(sys.argv[1], allow_http_hosts={"127.0.0.1"})
    configure(verifier)
    uvicorn.run(get_asgi_application(), port=8016)

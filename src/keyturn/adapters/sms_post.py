"""One form to an SMS service; what cannot be reached has not sent anything."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import urlencode

from keyturn.errors import Unreachable
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.flows.ports.messages import MessageNotSent
from keyturn.secret import Secret
from keyturn.secret_access import reveal


async def post_form(
    http: HttpClient, url: str, form: Mapping[str, str], headers: Mapping[str, str]
) -> HttpAnswer:
    """Return the answer of ``url``; raises ``MessageNotSent`` when there is none."""
    typed = {"content-type": "application/x-www-form-urlencoded", **headers}
    try:
        return await http.send("POST", url, headers=typed, body=urlencode(form).encode())
    except Unreachable as problem:
        raise MessageNotSent("The SMS provider cannot be reached.") from problem


def basic(name: str, password: Secret) -> Mapping[str, str]:
    """Return the header of RFC 7617 for ``name``."""
    pair = f"{name}:".encode() + reveal(password)
    return {"authorization": "Basic " + base64.b64encode(pair).decode()}

"""Flask with Keyturn's decorator.

Run it for the Supabase API at an address:

    python examples/flask_app.py https://api.example.com
"""

from __future__ import annotations

import sys

from flask import Flask, Response, g, jsonify

from keyturn import Verifier
from keyturn.integrations.flask import requires_token
from keyturn.integrations.protocol import VerifiesTokens


def create_app(verifier: VerifiesTokens) -> Flask:
    """Return the application."""
    app = Flask(__name__)

    @app.get("/whoami")
    @requires_token(verifier)
    def whoami() -> Response:
        return jsonify(sub=g.claims["sub"])

    @app.get("/greeting")
    @requires_token(verifier, anonymous=True)
    def greeting() -> str:
        return "hello, stranger" if g.claims is None else f"hello, {g.claims['sub']}"

    return app


if __name__ == "__main__":
    # Plain HTTP only to this machine, where `keyturn up` listens.
    verifier = Verifier.supabase(sys.argv[1], allow_http_hosts={"127.0.0.1"})
    create_app(verifier).run(port=8012)

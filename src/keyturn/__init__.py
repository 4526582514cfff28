"""Keyturn turns the signing keys of a self-hosted Supabase while it is running.

The verifier for Python services is here: ``from keyturn import Verifier``. Its names are loaded
when they are first used (PEP 562), so that the command line starts without them; type checkers
read the same names from ``__init__.pyi``.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOME_OF = {
    "ANY_AUDIENCE": "keyturn.wiring.verifier_options",
    "ANY_ISSUER": "keyturn.wiring.verifier_options",
    "Alarm": "keyturn.verify.reports",
    "AlarmKind": "keyturn.verify.reports",
    "AlgorithmName": "keyturn.wiring.verifier_options",
    "AnyAudience": "keyturn.wiring.verifier_options",
    "AnyIssuer": "keyturn.wiring.verifier_options",
    "CachePolicy": "keyturn.verify.jwks_policy",
    "Health": "keyturn.verify.reports",
    "KeysUnavailable": "keyturn.verify.reports",
    "KeyturnError": "keyturn.errors",
    "PrimitiveName": "keyturn.jose.ec_primitive",
    "Secret": "keyturn.secret",
    "TokenCachePolicy": "keyturn.verify.token_cache",
    "TokenRejected": "keyturn.jose.errors",
    "Verifier": "keyturn.wiring.verifier",
    "use_primitive": "keyturn.jose.ec_primitive",
}

__all__ = [
    "ANY_AUDIENCE",
    "ANY_ISSUER",
    "Alarm",
    "AlarmKind",
    "AlgorithmName",
    "AnyAudience",
    "AnyIssuer",
    "CachePolicy",
    "Health",
    "KeysUnavailable",
    "KeyturnError",
    "PrimitiveName",
    "Secret",
    "TokenCachePolicy",
    "TokenRejected",
    "Verifier",
    "__version__",
    "use_primitive",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'keyturn' has no attribute {name!r}")
    found = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})

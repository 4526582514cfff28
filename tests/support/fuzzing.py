"""Requests made from an OpenAPI document, and every answer held against it.

How many per operation: ``KEYTURN_FUZZ_EXAMPLES``, a few by default, always the same ones; with the
variable, which ``make fuzz`` sets, other ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup

CHECKED: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_SET: Final = os.environ.get("KEYTURN_FUZZ_EXAMPLES")
EXAMPLES: Final = int(_SET or 3)
SETTINGS: Final = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=_SET is None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
Send = Callable[[Any, Mapping[str, str]], Any]


@dataclass
class Scene:
    """What exists for one operation: how callers show who they are, and ids for its path.

    ``true``: what members of bodies and queries may really be, so that requests come further.
    """

    callers: list[dict[str, str]]
    known: Mapping[str, str]
    true: Mapping[str, str] = field(default_factory=dict)


def fuzz(
    document: Mapping[str, Any],
    send: Send,
    scene: Callable[[Any], Scene],
    *,
    leaving_out: frozenset[str] = frozenset(),
) -> list[str]:
    """Try every operation but those of some paths; return what went wrong, one text each.

    ``send`` makes the request of a case with more headers and returns the response; ``scene`` is
    asked before each operation.
    """
    load_all_checks()
    checks = CHECKS.get_by_names(list(CHECKED))
    failures = []
    schema: Any = schemathesis.openapi.from_dict(dict(document))
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in leaving_out:
            continue
        here = scene(operation)
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            if mode is GenerationMode.NEGATIVE and not operation.body:
                continue
            try:
                _attack(operation, mode, send, here, checks)
            except (FailureGroup, Exception) as failure:  # noqa: BLE001 - all are reported
                failures.append(f"{operation.method.upper()} {operation.path}: {_told(failure)}")
    return failures


def _attack(operation: Any, mode: Any, send: Send, scene: Scene, checks: list[Any]) -> None:
    cases = operation.as_strategy(generation_mode=mode)

    @SETTINGS
    @given(cases, st.sampled_from(scene.callers), st.booleans(), st.booleans())
    def attack(case: Any, caller: dict[str, str], known: bool, informed: bool) -> None:
        if known:
            ids = {name: scene.known[name] for name in case.path_parameters if name in scene.known}
            case.path_parameters.update(ids)
        if informed:
            for part in (case.body, case.query):
                if isinstance(part, dict):
                    part.update({name: scene.true[name] for name in part if name in scene.true})
        case.headers.pop("Authorization", None)
        case.validate_response(send(case, caller), checks=checks)

    attack()


def _told(failure: BaseException) -> str:
    inner = getattr(failure, "exceptions", None)
    return "\n".join(_told(one) for one in inner) if inner else f"{failure}"[:1500]

"""What an Envoy route table does with credentials: the matchers that `keyturn render envoy` uses.

Read from the RDS file, in Envoy's order: the first rule whose path, headers and query all match
decides (envoy v3 ``route.RouteMatch``; run with Envoy 1.40).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from keyturn.deploy.inventory import Kind
from keyturn.profiles.request import Credential, Request
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Verdict

PATHS: Final[Mapping[Kind, str]] = {
    Kind.AUTH: "/auth/v1/user",
    Kind.REST: "/rest/v1/table",
    Kind.STORAGE: "/storage/v1/object/bucket/file",
    Kind.FUNCTIONS: "/functions/v1/hello",
    Kind.META: "/pg/tables",
    Kind.STUDIO: "/project/default",
}
SOCKET_PATH: Final = "/realtime/v1/websocket"
BROADCAST_PATH: Final = "/realtime/v1/api/broadcast"
_BASIC_AUTH: Final = "envoy.filters.http.basic_auth"

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One route."""

    match: Mapping[str, Any] = field(repr=False)
    status: int | None
    """Of the answer that Envoy gives itself; None: it forwards."""
    body: str
    sets: Mapping[str, str] = field(repr=False)
    removes: tuple[str, ...]
    basic_auth: bool


def read_rules(text: str) -> tuple[Rule, ...] | None:
    """Return the rules of an RDS file; None when it is none, or holds matchers not known here."""
    try:
        document = json.loads(text)
    except ValueError:
        document = _yaml(text)
    try:
        rules = tuple(_rules(document))
    except (KeyError, TypeError, AttributeError):
        return None
    return rules if rules and all(_known(one.match) for one in rules) else None


def _yaml(text: str) -> object:
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None


def _rules(document: Any) -> Iterator[Rule]:
    for resource in document["resources"]:
        for host in resource["virtual_hosts"]:
            for route in host["routes"]:
                reply = route.get("direct_response")
                disabled = route.get("typed_per_filter_config", {}).get(_BASIC_AUTH)
                yield Rule(
                    route["match"],
                    reply["status"] if reply else None,
                    reply.get("body", {}).get("inline_string", "") if reply else "",
                    {
                        one["header"]["key"].lower(): one["header"]["value"]
                        for one in route.get("request_headers_to_add", ())
                    },
                    tuple(route.get("request_headers_to_remove", ())),
                    disabled is None,
                )


def _known(match: Mapping[str, Any]) -> bool:
    paths = {"path", "prefix", "path_separated_prefix", "headers", "query_parameters"}
    return set(match) <= paths and all(
        {"string_match", "present_match"} & set(one) for one in match.get("headers", ())
    )


def forward(
    rules: Sequence[Rule], credential: Credential, service: Kind, trail: Trail, *, websocket: bool
) -> Request | Verdict:
    """Return the request that the service gets, or the verdict when Envoy answers itself."""
    path, headers, query = _sent(credential, service, websocket=websocket)
    rule = find(rules, path, headers, query)
    if rule is None:
        return trail.refuse(f"Envoy has no route to {service}.", 404)
    if rule.status is not None:
        return trail.refuse(_why(rule, headers, query), rule.status, None, rule.body)
    if rule.basic_auth:
        text = "The dashboard asks for DASHBOARD_USERNAME and DASHBOARD_PASSWORD, not for a key."
        return trail.refuse(
            text, 401, None, "User authentication failed. Missing username and password."
        )
    after = _changed(rule, headers)
    if after != headers:
        trail.passed("Envoy knows the API key and puts its role's token in its place.")
    else:
        trail.passed("Envoy lets the request pass as it is.")
    return Request(
        service,
        after.get("authorization"),
        after.get("apikey", query),
        after.get("x-api-key"),
        after.get("sb-api-key"),
        websocket,
    )


def is_open(rules: Sequence[Rule], path: str) -> bool:
    """Whether a request to ``path`` passes without an API key."""
    rule = find(rules, path, {}, None)
    return rule is not None and rule.status is None and not rule.basic_auth


def find(rules: Sequence[Rule], path: str, headers: Headers, query: str | None) -> Rule | None:
    """Return the first rule that matches; ``query`` is the value of ``?apikey=``."""
    return next((one for one in rules if _matches(one.match, path, headers, query)), None)


def _sent(
    credential: Credential, service: Kind, *, websocket: bool
) -> tuple[str, Headers, str | None]:
    headers: Headers = {}
    if credential.bearer is not None:
        headers["authorization"] = f"Bearer {credential.bearer}"
    if service is Kind.REALTIME and websocket:
        return SOCKET_PATH, headers, credential.apikey
    if credential.apikey is not None:
        headers["apikey"] = credential.apikey
    path = BROADCAST_PATH if service is Kind.REALTIME else PATHS.get(service, f"/{service}/none")
    return path, headers, None


def _matches(match: Mapping[str, Any], path: str, headers: Headers, query: str | None) -> bool:
    return (
        _path_fits(match, path)
        and all(_header_fits(one, headers) for one in match.get("headers", ()))
        and all(
            one["name"] == "apikey" and query is not None and _text_fits(one["string_match"], query)
            for one in match.get("query_parameters", ())
        )
    )


def _path_fits(match: Mapping[str, Any], path: str) -> bool:
    if "path" in match:
        return bool(path == match["path"])
    if "path_separated_prefix" in match:
        base = match["path_separated_prefix"]
        return path == base or path.startswith(f"{base}/")
    return path.startswith(match.get("prefix", ""))


def _header_fits(condition: Mapping[str, Any], headers: Headers) -> bool:
    value = headers.get(condition["name"].lower())
    if "present_match" in condition:
        return (value is not None) == bool(condition["present_match"])
    fits = value is not None and _text_fits(condition["string_match"], value)
    # Envoy: a header that is absent does not match, and inverted it does.
    return not fits if condition.get("invert_match") else fits


def _text_fits(match: Mapping[str, str], value: str) -> bool:
    return value == match["exact"] if "exact" in match else value.startswith(match["prefix"])


def _changed(rule: Rule, headers: Headers) -> Headers:
    after = {
        name: value.replace("%REQ(apikey)%", headers.get("apikey", ""))
        for name, value in rule.sets.items()
        if name in ("authorization", "apikey", "x-api-key", "sb-api-key")
    }
    return {k: v for k, v in {**headers, **after}.items() if k not in rule.removes}


def _why(rule: Rule, headers: Headers, query: str | None) -> str:
    if rule.status != 401:
        return "The route is not for this role."
    sent = headers.get("apikey") or query
    if sent:
        return "The API key is none of those Envoy knows."
    return "The route needs an API key, and none is sent."

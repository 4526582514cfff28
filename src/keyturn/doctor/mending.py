"""Edits that write a corrected key document back to where it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keyturn.deploy.edit import Edit, SetSetting, SetVariable, UncommentSetting
from keyturn.deploy.inventory import Inventory, Service
from keyturn.deploy.setting import Origin, Setting, Variable
from keyturn.doctor.credentials import Jwk, KeyDocument, Shape, loose_base64
from keyturn.doctor.holdings import compose_only
from keyturn.jose import base64url, strict_json
from keyturn.secret import Secret

Members = Mapping[str, object]


def set_text(inventory: Inventory, setting: Setting, value: str) -> tuple[Edit, ...]:
    """Return the edit that gives the variable behind ``setting`` this text; none for a literal."""
    variable = variable_of(setting)
    if variable is None or variable.place is None:
        return ()
    return compose_only(inventory, SetVariable(variable.name, Secret(value), variable.place.file))


def set_keys(inventory: Inventory, setting: Setting, value: object) -> tuple[Edit, ...]:
    """Return the edit that writes ``value`` as one line of JSON; none for a literal."""
    return set_text(inventory, setting, strict_json.dumps(value).decode())


def variable_of(setting: Setting) -> Variable | None:
    """Return the variable of ``.env`` that alone gives ``setting`` its value, None otherwise."""
    template = setting.template or ""
    for variable in setting.variables:
        if not variable.value:
            continue
        whole = template.startswith((f"${{{variable.name}}}", f"${{{variable.name}:-"))
        whole = whole or template == f"${variable.name}"
        return variable if whole and variable.origin is Origin.DOT_ENV else None
    return None


def give(inventory: Inventory, service: Service, name: str, variable: str) -> tuple[Edit, ...]:
    """Return the edit that hands ``variable`` to ``service`` as ``name``: uncomment, else add."""
    if name in service.commented:
        return compose_only(inventory, UncommentSetting(service.name, name))
    return compose_only(inventory, SetSetting(service.name, name, f"${{{variable}}}"))


def with_keys(document: KeyDocument, change: Callable[[Jwk], Members]) -> object:
    """Return the document's JSON with every key changed by ``change``; its shape stays."""
    keys = [dict(change(key)) for key in document.keys]
    if document.shape is Shape.ARRAY:
        return keys
    if document.shape is Shape.KEY:
        return keys[0]
    return {"keys": keys, **document.top}


def canonical(key: Jwk) -> Members:
    """Return the members of ``key`` with its octets as base64url without padding."""
    repaired = dict(key.members)
    for name in key.misspelt:
        raw = loose_base64(key.text(name))
        if raw is not None:
            repaired[name] = base64url.encode(raw).decode()
    return repaired

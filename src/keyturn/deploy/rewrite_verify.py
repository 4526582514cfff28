"""The second look at a rewritten compose file: it must say the same, but for what was meant."""

from __future__ import annotations

import re

from keyturn.deploy.place import Place
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_yaml import Plain, compose, plain

_STRING = "tag:yaml.org,2002:str"
_ABSENT: tuple[str, str] = ("absent", "")


def same_but_setting(
    old: str, new: str, file: str, service: str, name: str, value: str | None
) -> None:
    """Refuse unless ``new`` is ``old`` with exactly this setting given (or, None, removed)."""
    before, after = _document(old, file), _document(new, file)
    _take(before, service, name)
    got = _take(after, service, name)
    right = got is None if value is None else got is not None and got[1] == value
    if not right or before != after:
        raise _refusal(file, service, name)


def same_but_healthcheck(
    old: str, new: str, file: str, service: str, pattern: re.Pattern[str], word: str
) -> None:
    """Refuse unless ``new`` is ``old`` with the pattern replaced in the service's healthcheck."""
    before, after = _document(old, file), _document(new, file)
    checked = _mapping(_mapping(_mapping(before, "services"), service), "healthcheck")
    checked["test"] = _replaced(checked["test"], pattern, word)
    if before != after:
        raise _refusal(file, service, "the healthcheck")


def _replaced(test: Plain, pattern: re.Pattern[str], word: str) -> Plain:
    if isinstance(test, tuple):
        return test[0], pattern.sub(lambda _: word, test[1])
    return [_replaced(one, pattern, word) for one in test] if isinstance(test, list) else test


def _document(text: str, file: str) -> dict[str, Plain]:
    document = plain(compose(text, file), file)
    return document if isinstance(document, dict) else {}


def _mapping(holder: dict[str, Plain], name: str) -> dict[str, Plain]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _take(document: dict[str, Plain], service: str, name: str) -> tuple[str, str] | None:
    """Take the setting out of the document and return it; an empty environment goes as well."""
    holder = _mapping(_mapping(document, "services"), service)
    environment = holder.get("environment")
    if isinstance(environment, list):
        found = _from_list(environment, name)
    elif isinstance(environment, dict):
        taken = environment.pop(name, None)
        found = taken if isinstance(taken, tuple) or taken is None else _ABSENT
    else:
        found = None
    empty = environment[1] in ("", "null", "~") if isinstance(environment, tuple) else False
    if empty or not environment:
        holder.pop("environment", None)
    return found


def _from_list(items: list[Plain], name: str) -> tuple[str, str] | None:
    for index, item in enumerate(items):
        if isinstance(item, tuple) and item[1].partition("=")[0] == name:
            del items[index]
            return _STRING, item[1].partition("=")[2]
    return None


def _refusal(file: str, service: str, what: str) -> CannotRewrite:
    return CannotRewrite(
        Place(file, 1),
        f"{what} of {service} cannot be changed without changing something else as well.",
        hint="An anchor or a merge (<<) shares these lines: write the service's own first.",
    )

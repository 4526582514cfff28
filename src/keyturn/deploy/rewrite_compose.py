"""Changing one setting of one service in a compose file, in place, byte for byte the rest.

Each function takes and returns the bytes of the whole file. The result is parsed again and must
equal the old document in everything but the one setting; otherwise nothing is returned and
:class:`~keyturn.deploy.rewrite_errors.CannotRewrite` names the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import yaml

from keyturn.deploy.place import Place
from keyturn.deploy.rewrite_block import Block, Found, Item, commented, end_of, service_of
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_text import (
    BOM,
    decode,
    encode,
    insert_line,
    line_break,
    line_end,
    line_number,
    line_start,
    splice,
)
from keyturn.deploy.rewrite_verify import same_but_healthcheck, same_but_setting
from keyturn.deploy.rewrite_yaml import is_alias, member, scalar, spot

BESIDE: Final = {
    "GOTRUE_JWT_KEYS": ("GOTRUE_JWT_SECRET",),
    "GOTRUE_JWT_VALID_METHODS": ("GOTRUE_JWT_KEYS", "GOTRUE_JWT_SECRET"),
    "GOTRUE_JWT_VALIDMETHODS": ("GOTRUE_JWT_KEYS", "GOTRUE_JWT_SECRET"),
    "GOTRUE_JWT_ISSUER": ("GOTRUE_JWT_KEYS", "GOTRUE_JWT_SECRET"),
    "API_JWT_JWKS": ("API_JWT_SECRET",),
    "METRICS_JWT_SECRET": ("SECRET_KEY_BASE",),
    "JWT_JWKS": ("AUTH_JWT_SECRET", "PGRST_JWT_SECRET"),
    "SUPABASE_JWKS": ("JWT_SECRET",),
    "ANON_KEY_ASYMMETRIC": ("SUPABASE_SECRET_KEY", "SERVICE_ROLE_KEY", "SUPABASE_SERVICE_KEY"),
    "SERVICE_ROLE_KEY_ASYMMETRIC": ("ANON_KEY_ASYMMETRIC",),
    "SUPABASE_PUBLISHABLE_KEY": ("SUPABASE_SERVICE_KEY", "SERVICE_ROLE_KEY"),
    "SUPABASE_SECRET_KEY": ("SUPABASE_PUBLISHABLE_KEY",),
}
"""Where the official file has a setting: behind the first of these that is there."""


def set_setting(content: bytes, file: str, service: str, name: str, template: str) -> bytes:
    """Give ``service`` the setting ``name`` with this text: replaced, uncommented or inserted."""
    return _changed(content, lambda text: _set(text, file, service, name, template))


def uncomment_setting(content: bytes, file: str, service: str, name: str) -> bytes:
    """Take the ``#`` from the one line that carries ``name``; nothing to do when it is active.

    Raises :class:`CannotRewrite` when no line carries it, or more than one.
    """
    return _changed(content, lambda text: _uncommented(text, file, service, name)[0])


def remove_setting(content: bytes, file: str, service: str, name: str) -> bytes:
    """Take the setting ``name`` from ``service``, all its lines."""
    return _changed(content, lambda text: _removed(text, file, service, name))


def set_healthcheck(content: bytes, file: str, service: str, old: str, new: str) -> bytes:
    """Write ``new`` for ``old`` wherever it stands in the test of the service's healthcheck."""
    return _changed(content, lambda text: _healthcheck(text, file, service, old, new))


def carries_commented(content: bytes, file: str, service: str, name: str) -> bool:
    """Whether a line of this service's environment has ``name`` commented out."""
    text = decode(content).removeprefix(BOM)
    block = service_of(text, file, service).environment
    return block is not None and bool(commented(text, block, name))


def commented_template(content: bytes, file: str, service: str, name: str) -> str:
    """Return the text that ``name`` would have if its one commented-out line were active."""
    return _uncommented(decode(content).removeprefix(BOM), file, service, name)[1]


def active_template(content: bytes, file: str, service: str, name: str) -> str | None:
    """Return the text that the file itself gives to ``name``, None when it does not."""
    text = decode(content).removeprefix(BOM)
    block = service_of(text, file, service).environment
    item = block.find(name) if block else None
    return None if item is None or block is None else _text_of(block, item)


def healthcheck_test(content: bytes, file: str, service: str) -> list[str] | str | None:
    """Return the test of the service's healthcheck as the file has it; None without one."""
    found = _test_node(decode(content).removeprefix(BOM), file, service)
    if isinstance(found, yaml.SequenceNode):
        return [str(one.value) for one in found.value]
    return str(found.value) if isinstance(found, yaml.ScalarNode) else None


def _changed(content: bytes, change: Callable[[str], str]) -> bytes:
    text = decode(content)
    bom = BOM if text.startswith(BOM) else ""
    return encode(bom + change(text.removeprefix(BOM)))


def _set(text: str, file: str, service: str, name: str, template: str) -> str:
    found = service_of(text, file, service)
    block = found.environment
    if block is None:
        changed = _with_environment(text, found, name, template)
    elif (item := block.find(name)) is not None:
        if _text_of(block, item) == template:
            return text
        changed = _replaced(text, file, block, item, template)
    elif len(commented(text, block, name)) == 1:
        changed, there = _uncommented(text, file, service, name)
        return changed if there == template else _set(changed, file, service, name, template)
    else:
        changed = _inserted(text, block, name, template)
    same_but_setting(text, changed, file, service, name, template)
    return changed


def _text_of(block: Block, item: Item) -> str | None:
    if not isinstance(item.value, yaml.ScalarNode):
        return None
    value = str(item.value.value)
    if block.listed:
        return value.partition("=")[2] if "=" in value else None
    return None if item.value.tag == "tag:yaml.org,2002:null" else value


def _line(block: Block, name: str, template: str, like: str | None = None) -> str:
    if block.listed:
        return "- " + scalar(f"{name}={template}", like)
    return f"{name}: {scalar(template, like)}"


def _replaced(text: str, file: str, block: Block, item: Item, template: str) -> str:
    start, end = item.value.start_mark.index, item.value.end_mark.index
    old = text[start:end]
    if (item.key is not item.value and is_alias(item.key, item.value)) or old[:1] in ("&", "!"):
        raise CannotRewrite(
            spot(text, file, item.key),
            f"the value of {item.name} is an alias, an anchor or has a tag.",
            hint="Write the value out at this place, then try again.",
        )
    if block.listed:
        return splice(text, start, end, scalar(f"{item.name}={template}", old))
    if start == end:
        colon = text.index(":", item.key.end_mark.index) + 1
        return splice(text, colon, colon, " " + scalar(template))
    if old[:1] in ("|", ">"):
        end = end_of(text, item.value)
        return splice(text, start, end, scalar(template) + line_break(text))
    return splice(text, start, end, scalar(template, old))


def _inserted(text: str, block: Block, name: str, template: str) -> str:
    neighbours = [block.find(one) for one in BESIDE.get(name, ())]
    after = next((one for one in neighbours if one is not None), block.items[-1])
    own = after.key if after.key is not after.value and is_alias(after.key, after.value) else None
    at = end_of(text, own or after.value)
    return insert_line(text, at, " " * block.column + _line(block, name, template))


def _with_environment(text: str, found: Found, name: str, template: str) -> str:
    column = found.node.value[0][0].start_mark.column
    step = max(column - found.key.start_mark.column, 2)
    setting = " " * (column + step) + f"{name}: {scalar(template)}"
    if found.environment_key is not None:
        at = line_end(text, found.environment_key.end_mark.index)
        return insert_line(text, at, setting)
    heading = " " * column + "environment:"
    return insert_line(text, end_of(text, found.node), heading + line_break(text) + setting)


def _uncommented(text: str, file: str, service: str, name: str) -> tuple[str, str]:
    found = service_of(text, file, service)
    block = found.environment
    item = block.find(name) if block else None
    if block is not None and item is not None:
        return text, _text_of(block, item) or ""
    candidates = commented(text, block, name) if block else []
    if block is None or len(candidates) != 1:
        raise _no_single_line(text, file, found, name, candidates)
    start, end, line = candidates[0]
    ending = text[start:end][len(text[start:end].rstrip("\r\n")) :]
    changed = splice(text, start, end, " " * block.column + line + ending)
    there = service_of(changed, file, service).environment
    revived = there.find(name) if there else None
    template = _text_of(there, revived) if there and revived else None
    same_but_setting(text, changed, file, service, name, template)
    return changed, template or ""


def _no_single_line(
    text: str, file: str, found: Found, name: str, candidates: list[tuple[int, int, str]]
) -> CannotRewrite:
    if not candidates:
        return CannotRewrite(
            spot(text, file, found.key),
            f"{name} is not there, not even commented out.",
            hint=f"Set {name} with its text instead of uncommenting it.",
        )
    lines = ", ".join(str(line_number(text, start)) for start, _, _ in candidates)
    return CannotRewrite(
        Place(file, line_number(text, candidates[0][0])),
        f"{name} is commented out more than once: lines {lines}.",
        hint="Keep the one that you mean, then try again.",
    )


def _removed(text: str, file: str, service: str, name: str) -> str:
    found = service_of(text, file, service)
    block = found.environment
    item = block.find(name) if block else None
    if block is None or item is None:
        return text
    if len(block.items) == 1 and found.environment_key is not None:
        # An empty `environment:` would be a null, which old Compose versions refuse.
        start = line_start(text, found.environment_key.start_mark.index)
    else:
        start = line_start(text, item.key.start_mark.index)
    own = item.key if item.key is not item.value and is_alias(item.key, item.value) else item.value
    changed = splice(text, start, end_of(text, own), "")
    same_but_setting(text, changed, file, service, name, None)
    return changed


def _test_node(text: str, file: str, service: str) -> yaml.Node | None:
    healthcheck = member(service_of(text, file, service).node, "healthcheck")
    test = member(healthcheck[1], "test") if healthcheck else None
    if test is None or healthcheck is None or is_alias(*healthcheck) or is_alias(*test):
        return None
    return test[1]


def _healthcheck(text: str, file: str, service: str, old: str, new: str) -> str:
    test = _test_node(text, file, service)
    start, end = (test.start_mark.index, test.end_mark.index) if test else (0, 0)
    pattern = re.compile(re.escape(old) + r"(?![A-Za-z0-9_])")
    if not old or not pattern.search(text[start:end]):
        raise CannotRewrite(
            spot(text, file, service_of(text, file, service).key),
            f"the healthcheck of {service} does not say {old} in this file.",
            hint="Change the healthcheck by hand where it stands.",
        )
    changed = splice(text, start, end, pattern.sub(lambda _: new, text[start:end]))
    same_but_healthcheck(text, changed, file, service, pattern, new)
    return changed

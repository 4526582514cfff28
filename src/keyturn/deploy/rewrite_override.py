"""Compose's override file: the user's compose file stays as it is, what is needed lies over it.

A file that Keyturn makes begins with :data:`MARKER`. One that the user already has is patched like
any other compose file; what is added there for a new service carries :data:`ADDED`.
"""

from __future__ import annotations

import json
from typing import Final

from keyturn.deploy.place import Place
from keyturn.deploy.rewrite_block import end_of, names_service, service_of
from keyturn.deploy.rewrite_compose import healthcheck_test, set_setting
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_text import BOM, decode, encode, insert_line, line_break, line_end
from keyturn.deploy.rewrite_yaml import compose, is_flow, member, scalar, spot

MARKER: Final = (
    "# Written by keyturn. Compose lays this file over {base}; `keyturn migrate` changes it again."
)
ADDED: Final = "# added by keyturn"


def override_name(base: str) -> str:
    """Return the name under which Compose, v1, v2 or Podman's, looks for an override of ``base``.

    ``docker-compose.yml`` → ``docker-compose.override.yml``, ``compose.yaml`` →
    ``compose.override.yaml``.
    """
    stem, _, suffix = base.rpartition(".")
    return f"{stem}.override.{suffix}"


def new_override(base: str) -> bytes:
    """Return an override that says nothing yet."""
    return (MARKER.format(base=base.rpartition("/")[2]) + "\nservices:\n").encode()


def override_setting(content: bytes, file: str, service: str, name: str, template: str) -> bytes:
    """Give ``service`` the setting ``name`` in the override, adding the service where needed."""
    if names_service(decode(content).removeprefix(BOM), file, service):
        return set_setting(content, file, service, name, template)
    lines = ["environment:", f"  {name}: {scalar(template)}"]
    return _with_service(content, file, service, lines)


def override_healthcheck(
    content: bytes, file: str, service: str, test: list[str] | str, base: str
) -> bytes:
    """Lay a new healthcheck test over the one of ``base``; interval and retries stay there.

    Raises :class:`CannotRewrite` when the override has a healthcheck of its own without a test.
    """
    lines = ["healthcheck:", f"  test: {_flow(test)}"]
    text = decode(content).removeprefix(BOM)
    if not names_service(text, file, service):
        return _with_service(content, file, service, lines)
    found = service_of(text, file, service)
    if member(found.node, "healthcheck") is not None:
        raise CannotRewrite(
            spot(text, file, found.key),
            f"{service} has a healthcheck here and another in {base}.",
            hint="Keep both in one file, then try again.",
        )
    column = found.node.value[0][0].start_mark.column
    block = line_break(text).join(" " * column + line for line in lines)
    changed = insert_line(text, end_of(text, found.node), block)
    return _kept_bom(content, _checked(text, changed, file, service, test))


def _checked(old: str, new: str, file: str, service: str, test: list[str] | str) -> str:
    del old
    if healthcheck_test(encode(new), file, service) != test:
        raise CannotRewrite(
            Place(file, 1),
            f"the healthcheck of {service} would not be read back as it was meant.",
            hint="Write it by hand.",
        )
    return new


def _flow(test: list[str] | str) -> str:
    if isinstance(test, str):
        return scalar(test)
    return "[" + ", ".join(json.dumps(one, ensure_ascii=False) for one in test) + "]"


def _with_service(content: bytes, file: str, service: str, lines: list[str]) -> bytes:
    text = decode(content).removeprefix(BOM)
    end = line_break(text)
    root = compose(text, file)
    services = member(root, "services")
    if services is None:
        text, at, column = insert_line(text, len(text), "services:"), -1, 2
    elif not getattr(services[1], "value", None):
        at, column = line_end(text, services[0].end_mark.index), 2
    else:
        if is_flow(services[1]):
            raise CannotRewrite(
                spot(text, file, services[0]),
                "these services are not written line by line.",
                hint="Write one service per block, then try again.",
            )
        first = services[1].value[0][0]
        at, column = end_of(text, services[1]), first.start_mark.column
    pad = " " * column
    block = [f"{pad}{ADDED}", f"{pad}{service}:", *(f"{pad}  {line}" for line in lines)]
    if text.startswith(MARKER.partition("{")[0]):
        block = block[1:]
    changed = insert_line(text, len(text) if at < 0 else at, end.join(block))
    if not names_service(changed, file, service):
        raise CannotRewrite(
            Place(file, 1),
            f"{service} cannot be added to this file.",
            hint="Write `services:` as a block of its own lines.",
        )
    return _kept_bom(content, changed)


def _kept_bom(content: bytes, text: str) -> bytes:
    return encode((BOM if decode(content).startswith(BOM) else "") + text)

"""A unified diff that can be shown to anybody: names and references stay, values become words.

Nothing is shown because it looks harmless. A line is shown as far as its form is known (a variable
of an env file, a setting or a heading of a compose file), and everything else of it is ``…``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.opened import raw
from keyturn.deploy.redaction import HIDDEN, shown, skeleton
from keyturn.deploy.rewrite_dotenv_scan import Definition, scan
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_override import ADDED, MARKER
from keyturn.deploy.rewrite_text import decode, line_number
from keyturn.migrate.value_words import in_words
from keyturn.secret import Secret

_CONTEXT: Final = 3
_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}|[a-z_][a-z0-9_]{0,30}")
_SETTING: Final = re.compile(
    r"(?P<head>\s*(?:#\s*)?(?:-\s+)?)(?P<quote>[\"']?)(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)(?P=quote)"
    r"(?P<sign>\s*:(?=\s|$)|=)(?P<gap>\s*)(?P<value>.*)"
)
_HARMLESS: Final = re.compile(r"[\"']?(?:true|false|\d{1,5})[\"']?|")
_OURS: Final = (ADDED, MARKER.partition("{")[0])


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: as it is (never shown), and as context or as a change."""

    held: str
    context: str
    changed: str

    def __repr__(self) -> str:
        return f"Line({self.context!r})"


def unified(path: str, before: Secret | None, after: Secret, *, kind: str) -> str:
    """Return the redacted diff of one file; ``kind`` is ``env``, ``compose`` or ``other``.

    Of other files only the number of changed lines is told: a gateway's configuration or a script
    holds keys in places that no rule knows.
    """
    old, new = _lines(before, path, kind), _lines(after, path, kind)
    head = [f"--- {path if before is not None else '/dev/null'}", f"+++ {path}"]
    matcher = difflib.SequenceMatcher(None, [o.held for o in old], [n.held for n in new], False)
    if kind == "other":
        return "\n".join([*head, _counted(matcher)])
    hunks: list[str] = []
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        hunks += _hunk(group, old, new)
    return "\n".join([*head, *hunks])


def variable_changes(before: Secret | None, after: Secret, path: str) -> tuple[str, ...]:
    """Return a line per variable that changes: ``JWT_KEYS: empty → [1 key: a1b2c3… sign]``."""
    old, new = _variables(before, path), _variables(after, path)
    return tuple(
        f"{name if _NAME.fullmatch(name) else HIDDEN}: "
        f"{in_words(old[name]) if name in old else 'not set'} → "
        f"{in_words(new[name]) if name in new else 'not set'}"
        for name in dict.fromkeys((*new, *old))
        if old.get(name) != new.get(name)
    )


def _hunk(
    group: Sequence[tuple[str, int, int, int, int]], old: Sequence[Line], new: Sequence[Line]
) -> Iterator[str]:
    first, last = group[0], group[-1]
    yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
    for tag, i1, i2, j1, j2 in group:
        if tag == "equal":
            yield from (f" {line.context}" for line in old[i1:i2])
            continue
        yield from (f"-{line.changed}" for line in old[i1:i2])
        yield from (f"+{line.changed}" for line in new[j1:j2])


def _range(start: int, stop: int) -> str:
    length = stop - start
    return f"{start + 1 if length else start}" + ("" if length == 1 else f",{length}")


def _counted(matcher: difflib.SequenceMatcher[str]) -> str:
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    gone, come = sum(c[2] - c[1] for c in codes), sum(c[4] - c[3] for c in codes)
    return f"@@ {gone} lines out, {come} lines in; the content is not shown @@"


def _lines(content: Secret | None, path: str, kind: str) -> list[Line]:
    if content is None:
        return []
    text = decode(raw(content))
    held = text.splitlines() if kind != "env" else text.split("\n")
    if kind == "env" and held[-1] == "":
        held.pop()
    if kind != "env":
        return [_compose_line(line) for line in held]
    spans = _spans(text, path)
    return [_env_line(line, number, spans) for number, line in enumerate(held, 1)]


def _spans(text: str, path: str) -> dict[int, Definition | None]:
    """Return line → the definition that begins there, None for a line within one."""
    found: dict[int, Definition | None] = {}
    try:
        definitions, _ = scan(text, path)
    except CannotRewrite:
        return {}
    for one in definitions:
        first, last = line_number(text, one.start), line_number(text, one.value_end)
        found.update(dict.fromkeys(range(first, last + 1)))
        found[first] = one
    return found


def _env_line(line: str, number: int, spans: dict[int, Definition | None]) -> Line:
    held = line
    line = line.rstrip("\r").removeprefix("\ufeff")
    if number not in spans:
        return Line(held, *_no_definition(line))
    definition = spans[number]
    if definition is None or not _NAME.fullmatch(definition.name):
        return Line(held, HIDDEN, HIDDEN)
    value = line.partition("=")[2].strip()
    for quote in ("'", '"'):
        if len(value) > 1 and value[0] == value[-1] == quote:
            value = value[1:-1]
    name = definition.name
    return Line(held, f"{name}={HIDDEN}", f"{name}=‹{in_words(value)}›")


def _no_definition(line: str) -> tuple[str, str]:
    body = line.strip()
    name = body.lstrip("# ").partition("=")[0].strip()
    if body.startswith("#") and "=" in body and re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", name):
        return f"#{name}={HIDDEN}", f"#{name}={HIDDEN}"
    hidden = f"# {HIDDEN}" if body.startswith("#") else HIDDEN if body else ""
    return hidden, hidden


def _compose_line(line: str) -> Line:
    held = line
    line = line.removeprefix("\ufeff")
    body = line.strip()
    if not body or body.startswith(_OURS):
        return Line(held, line, line)
    indent = line[: len(line) - len(line.lstrip())]
    match = _SETTING.fullmatch(line)
    if match is None or not _known(match):
        hidden = f"{indent}# {HIDDEN}" if body.startswith("#") else f"{indent}{HIDDEN}"
        changed = hidden if "$" not in body or body.startswith("#") else indent + skeleton(body)
        return Line(held, hidden, changed)
    head = "".join(match.group("head", "quote", "name", "quote", "sign", "gap"))
    value = match["value"]
    return Line(held, head + (HIDDEN if value else ""), head + _value(value))


def _known(match: re.Match[str]) -> bool:
    """Whether the name is one, and not the beginning of a long value's continuation."""
    if match["sign"] == "=":
        return "-" in match["head"] and bool(re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", match["name"]))
    return bool(re.fullmatch(rf"{_NAME.pattern}|[a-z][a-z0-9_.-]{{0,30}}", match["name"]))


def _value(value: str) -> str:
    if _HARMLESS.fullmatch(value):
        return value
    if "$" in value:
        return shown("secret", value)
    bare = value.strip("\"'")
    return f"‹{in_words(bare)}›"


def _variables(content: Secret | None, path: str) -> dict[str, str]:
    """Return name → value, in the text's own words: quotes and escapes are not interpreted."""
    if content is None:
        return {}
    text = decode(raw(content))
    try:
        definitions, _ = scan(text, path)
    except CannotRewrite:
        return {}
    return {one.name: _bare(text[one.value_start : one.value_end]) for one in definitions}


def _bare(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in ("'", '"')
    return value[1:-1] if quoted else value

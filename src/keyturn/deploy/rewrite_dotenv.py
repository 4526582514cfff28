"""Changing one variable of a ``.env`` and nothing else, in Compose's own quoting.

With duplicates the last definition is the one that Compose uses, so it is the one that changes.
Every result is parsed again with Compose's rules and must say what the old text said, but for the
one variable.
"""

from __future__ import annotations

import json
import re
from typing import Final

from keyturn.deploy import dotenv
from keyturn.deploy.opened import raw
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.rewrite_dotenv_scan import Comment, Definition, scan
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_text import (
    decode,
    encode,
    insert_line,
    line_end,
    line_number,
    line_start,
    splice,
)
from keyturn.secret import Secret

_NOT_PLAIN: Final = re.compile(r"[\s\"'$\\#`]")
_NOT_IN_BARE_JSON: Final = re.compile(r"[$\\'#`\r\n]")
_REST_IS_COMMENT: Final = re.compile(r" +#")
_COMMENTED: Final = re.compile(r"#[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=(.*)")


def quoted(value: str, *, bare: bool = True) -> str:
    """Return ``value`` as it must stand behind ``NAME=``, in the plainest form that is safe.

    Plain; compact JSON unquoted (the official scripts read with ``grep | cut``); single quotes;
    double quotes. ``bare=False``: quote in any case, because something follows on the line.
    """
    if bare and (not _NOT_PLAIN.search(value) or _is_bare_json(value)):
        return value
    if not any(sign in value for sign in "'\r") and not value.endswith("\\"):
        return f"'{value}'"
    for sign, escape in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\r", "\\r")):
        value = value.replace(sign, escape)
    return f'"{value}"'


def read_by_python_dotenv(value: str) -> bool:
    """Whether python-dotenv, which the old compose programs use, reads :func:`quoted` back.

    It expands ``${X}`` even in single quotes, halves backslashes there, and keeps the one of
    ``\\$`` in double quotes.
    """
    form = quoted(value)
    if form == value:
        return True
    return "${" not in value and ("\\\\" not in value if form[0] == "'" else "$" not in value)


def _is_bare_json(value: str) -> bool:
    if value[:1] not in ("{", "[") or _NOT_IN_BARE_JSON.search(value):
        return False
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def set_variable(content: bytes, name: str, value: Secret, *, file: str = ".env") -> bytes:
    """Return ``content`` with ``name`` defined as ``value``: replaced, uncommented or appended.

    Raises :class:`CannotRewrite` when the file cannot be read as Compose reads it, when the value
    holds a NUL, or when other variables are built from this one and would change with it.
    """
    text, new = decode(content), decode(raw(value))
    definitions, comments = scan(text, file)
    if "\0" in new:
        raise CannotRewrite(
            Place(file, 1),
            f"the value for {name} holds a NUL character.",
            hint="An environment variable cannot carry one; give the key in a text form.",
        )
    found = [one for one in definitions if one.name == name]
    if found and _values(text, file).get(name) == new and not found[-1].inherited:
        return content
    changed = _replaced(text, found[-1], new) if found else _added(text, comments, name, new)
    _check(text, changed, name, new, file)
    return encode(changed)


def remove_variable(content: bytes, name: str, *, file: str = ".env") -> bytes:
    """Return ``content`` without any definition of ``name``; a line of its own goes whole."""
    text = decode(content)
    changed = text
    for one in reversed([one for one in scan(text, file)[0] if one.name == name]):
        changed = _without(changed, one)
    if changed != text:
        _check(text, changed, name, None, file)
    return encode(changed)


def _replaced(text: str, old: Definition, new: str) -> str:
    if old.inherited:
        return splice(text, old.name_end, old.name_end, "=" + quoted(new))
    rest = text[old.value_end : line_end(text, old.value_end)].removesuffix("\n")
    # An empty value must be quoted before a comment: Compose would take the comment for the value.
    bare = not rest.strip() or bool(new and _REST_IS_COMMENT.match(rest))
    return splice(text, old.value_start, old.value_end, quoted(new, bare=bare))


def _added(text: str, comments: list[Comment], name: str, new: str) -> str:
    written = f"{name}={quoted(new)}"
    candidates = [
        (comment, match[2].strip())
        for comment in comments
        if (match := _COMMENTED.fullmatch(text[comment.start : comment.end])) and match[1] == name
        if not text[line_start(text, comment.start) : comment.start].strip("\ufeff \t")
    ]
    if not candidates:
        return insert_line(text, len(text), written)
    comment, old = candidates[-1]
    if old in ("", written.partition("=")[2]):
        return splice(text, comment.start, comment.end, written)
    # Whatever stands in the comment is the user's; the definition goes below it.
    return insert_line(text, line_end(text, comment.end), written)


def _without(text: str, one: Definition) -> str:
    start = line_start(text, one.start)
    rest = text[one.value_end : line_end(text, one.value_end)].strip()
    alone = not text[start : one.start].strip("\ufeff \t") and (not rest or rest.startswith("#"))
    if not alone:
        return splice(text, one.start, one.value_end, "")
    if text.startswith("\ufeff", start):
        start += 1
    return splice(text, start, line_end(text, one.value_end), "")


def _values(text: str, file: str) -> dict[str, str]:
    try:
        return {one.name: one.value for one in dotenv.parse(file, text, lambda _: None)}
    except Unreadable as problem:
        raise CannotRewrite(
            problem.place,
            "Compose refuses the file because of this line.",
            hint="Correct that line first; `keyturn doctor` shows what is wrong with it.",
        ) from problem


def _check(old: str, new: str, name: str, value: str | None, file: str) -> None:
    expected, found = _values(old, file), _values(new, file)
    expected.pop(name, None)
    got = found.pop(name, None)
    line = next((d.start for d in scan(new, file)[0] if d.name == name), 0)
    place = Place(file, line_number(new, line))
    if got != value:
        raise CannotRewrite(
            place,
            f"{name} would not be read back as it was meant.",
            hint=f"Tidy the lines around {name}, or write it by hand.",
        )
    others = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
    if others:
        raise CannotRewrite(
            place,
            f"changing {name} would also change {', '.join(others)}.",
            hint=f"Give {', '.join(others)} a value that is not built from {name}, then try again.",
        )

"""An env tab, or a dotenv file: one line per variable, as Compose reads it."""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.deploy import dotenv
from keyturn.deploy.opened import text
from keyturn.deploy.render_file import CannotRender, Rendered, rendered
from keyturn.deploy.rewrite_dotenv import quoted
from keyturn.deploy.setting import Variable
from keyturn.secret import Secret

_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\r", "\\r"), ("\n", "\\n"))


def env_file(variables: Mapping[str, Variable], name: str = "keyturn.env") -> Rendered:
    """Return ``NAME=value`` lines; never a value over several lines, which env tabs refuse.

    Raises :class:`CannotRender` for a value that would not be read back.
    """
    lines = [f"{one}={single_line(found.value)}" for one, found in variables.items()]
    content = "".join(f"{line}\n" for line in lines)
    back = {one.name: one.value for one in dotenv.parse(name, content, lambda _: None)}
    for one, found in variables.items():
        if back.get(one) != (text(found.value) or ""):
            raise CannotRender(
                f"The value of {one} would not be read back as it is.",
                hint=f"Give {one} a value without control characters.",
            )
    return rendered(name, content, private=True)


def single_line(value: Secret | None) -> str:
    """Return the value as it stands behind ``NAME=`` on one line."""
    plain = text(value) or ""
    if "\n" not in plain:
        return quoted(plain)
    for sign, escape in _ESCAPES:
        plain = plain.replace(sign, escape)
    return f'"{plain}"'

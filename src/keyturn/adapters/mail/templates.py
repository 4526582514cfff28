"""GoTrue's mail templates, rendered by Jinja: ``{{ .Token }}`` and what people write around it.

A template written for GoTrue (Go's html/template) works as it is as long as it prints variables and
branches on them; one written in Jinja works too. Values are escaped; templates run in a sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from html.parser import HTMLParser
from importlib import resources
from typing import Final

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from keyturn.errors import UsageError

VARIABLES: Final = (
    "SiteURL",
    "ConfirmationURL",
    "Email",
    "NewEmail",
    "SendingTo",
    "Token",
    "TokenHash",
    "Data",
    "RedirectTo",
    "OldEmail",
    "Phone",
    "OldPhone",
    "Provider",
    "FactorType",
)
_ACTION: Final = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.DOTALL)
_COMMENT: Final = re.compile(r"/\*.*\*/", re.DOTALL)
_PATH: Final = r"\.[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_TEXT: Final = r"\"(?:[^\"\\]|\\.)*\""
_VARIABLE: Final = re.compile(_PATH)
_INDEX: Final = re.compile(rf"index\s+({_PATH})\s+({_TEXT})")
_COMPARISON: Final = re.compile(rf"(eq|ne)\s+({_PATH})\s+({_PATH}|{_TEXT})")
_OPERATORS: Final = {"eq": "==", "ne": "!="}


class BadTemplate(UsageError):
    """A mail template cannot be read."""

    code = "bad_template"


def translate(source: str) -> str:
    """Return ``source`` in Jinja; raises :class:`BadTemplate` naming what it does not know.

    Text without a single Go action (``{{ .Name }}``) is taken as Jinja already.
    """
    if not any(_is_go(match[2]) for match in _ACTION.finditer(source)):
        return source
    return _ACTION.sub(_translated, source)


def _is_go(action: str) -> bool:
    return action.startswith((".", "if ", "index ", "end", "else")) or bool(
        _COMMENT.fullmatch(action)
    )


def _translated(match: re.Match[str]) -> str:
    left, action, right = match[1], match[2], match[3]
    if _COMMENT.fullmatch(action):
        return ""
    if action == "end":
        return f"{{%{left} endif {right}%}}"
    if action == "else":
        return f"{{%{left} else {right}%}}"
    if action.startswith("else if "):
        return f"{{%{left} elif {_condition(action.removeprefix('else if '))} {right}%}}"
    if action.startswith("if "):
        return f"{{%{left} if {_condition(action.removeprefix('if '))} {right}%}}"
    return f"{{{{{left} {_value(action)} {right}}}}}"


def _condition(text: str) -> str:
    text = text.strip()
    if text.startswith("not "):
        return f"not ({_condition(text.removeprefix('not '))})"
    if text.startswith("(") and text.endswith(")"):
        return _condition(text[1:-1])
    if compared := _COMPARISON.fullmatch(text):
        operator = _OPERATORS[compared[1]]
        return f"{_value(compared[2])} {operator} {_value(compared[3])}"
    return _value(text)


def _value(text: str) -> str:
    if _VARIABLE.fullmatch(text):
        return text[1:]
    if re.fullmatch(_TEXT, text):
        return text
    if found := _INDEX.fullmatch(text):
        return f"{found[1][1:]}[{found[2]}]"
    raise BadTemplate(
        f"Keyturn does not know what {{{{ {text[:60]} }}}} means in a mail template.",
        hint='It knows {{ .Name }}, {{ .Data.name }}, {{ index .Data "name" }}, if, else, end, '
        "not, eq and ne; or write the template in Jinja.",
    )


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(autoescape=True)


@lru_cache(maxsize=64)
def _compiled(source: str) -> object:
    return _environment().from_string(translate(source))


def render(source: str, values: Mapping[str, object]) -> str:
    """Return ``source`` with ``values``; raises :class:`BadTemplate`."""
    try:
        template = _compiled(source)
        text: str = template.render(dict(values))  # type: ignore[attr-defined]
    except (TemplateError, ValueError, TypeError, OverflowError) as problem:
        raise BadTemplate(f"A mail template does not render: {problem}") from problem
    return text


def render_subject(source: str, values: Mapping[str, object]) -> str:
    """Return a subject: one line, not escaped, because it is no HTML."""
    if "{" not in source:
        return source
    try:
        environment = ImmutableSandboxedEnvironment(autoescape=False)
        text = environment.from_string(translate(source)).render(dict(values))
    except TemplateError as problem:
        raise BadTemplate(f"A mail subject does not render: {problem}") from problem
    return " ".join(text.split())


@cache
def own(kind: str) -> str:
    """Return Keyturn's own template of a kind of mail."""
    entry = resources.files("keyturn.adapters.mail").joinpath("templates", f"{kind}.html")
    return entry.read_text(encoding="utf-8")


class _Plain(HTMLParser):
    """Collects the text of a page; the address of a link follows its words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._links: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Break lines at blocks and remember addresses."""
        if tag in {"style", "script", "head", "title"}:
            self._hidden += 1
        elif tag in {"p", "br", "div", "h1", "h2", "h3", "tr", "li"}:
            self.parts.append("\n")
        elif tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        """Write the address of a link after its words."""
        if tag in {"style", "script", "head", "title"}:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "a" and self._links:
            link = self._links.pop()
            if link and link not in "".join(self.parts[-1:]):
                self.parts.append(f"\n{link}\n")

    def handle_data(self, data: str) -> None:
        """Keep visible text."""
        if not self._hidden:
            self.parts.append(re.sub(r"\s+", " ", data))


def plain(html: str) -> str:
    """Return the plain-text form of a mail, for readers that show no HTML."""
    parser = _Plain()
    parser.feed(html)
    parser.close()
    lines = (line.strip() for line in "".join(parser.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"

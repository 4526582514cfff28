"""Compose's reading of env files beside python-dotenv's: one row per difference.

The page docs/reference/compose-reading.md shows these rows; a test holds the two together and
asks both readers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROCESS: Final = {"OUTER": "outer"}
"""The environment in which both read."""

REFUSED: Final = "the whole file is refused"


@dataclass(frozen=True)
class Row:
    """One env file and what becomes of it: variables, or ``None`` for a refusal."""

    what: str
    file: str
    compose: dict[str, str] | None
    dotenv: dict[str, str | None] | None


DIFFERENCES: Final = (
    Row(
        "a bare `$NAME` is a variable", "A=1\nK=x$A", {"A": "1", "K": "x1"}, {"A": "1", "K": "x$A"}
    ),
    Row(
        "so JSON loses what follows a `$`",
        'K={"p":"a$bc"}',
        {"K": '{"p":"a"}'},
        {"K": '{"p":"a$bc"}'},
    ),
    Row(
        "and so does a bcrypt hash",
        "K=$2b$12$abcdefgh.ijk",
        {"K": "$2b$12.ijk"},
        {"K": "$2b$12$abcdefgh.ijk"},
    ),
    Row(
        "single quotes keep `${A}`", "A=1\nK='${A}'", {"A": "1", "K": "${A}"}, {"A": "1", "K": "1"}
    ),
    Row("`$$` is one dollar", "K=a$$b", {"K": "a$b"}, {"K": "a$$b"}),
    Row("so is `\\$` in double quotes", 'K="a\\$b"', {"K": "a$b"}, {"K": "a\\$b"}),
    Row(
        "defaults nest",
        "B=2\nK=${A:-${B}}",
        {"B": "2", "K": "2"},
        {"B": "2", "K": "${B}"},
    ),
    Row("`-` without a colon", "K=${A-d}", {"K": "d"}, {"K": ""}),
    Row(
        "`:+` gives a value when there is one",
        "A=1\nK=${A:+yes}",
        {"A": "1", "K": "yes"},
        {"A": "1", "K": "${A:+yes}"},
    ),
    Row("`:?` refuses the file", "K=${A:?set it}", None, {"K": "${A:?set it}"}),
    Row("an open `${` refuses the file", "K=${bad", None, {"K": "${bad"}),
    Row(
        "a name alone is taken from the environment",
        "OUTER\nK=1\n",
        {"OUTER": "outer", "K": "1"},
        {"OUTER": None, "K": "1"},
    ),
    Row(
        "and is nothing when it is not there",
        "NOWHERE\nK=1\n",
        {"K": "1"},
        {"NOWHERE": None, "K": "1"},
    ),
    Row("`NAME: value` is accepted", "K: v", {"K": "v"}, {}),
    Row("a `#` after a tab belongs to the value", "K=a\t#c", {"K": "a\t#c"}, {"K": "a"}),
    Row("a `#` at the start of a value too", "K= #c", {"K": "#c"}, {"K": ""}),
    Row("two on one line after a quote", 'K="a" B="b"', {"K": "a", "B": "b"}, {}),
    Row("a doubled backslash in single quotes stays", r"K='a\\b'", {"K": r"a\\b"}, {"K": r"a\b"}),
    Row("`\\0101` is octal", r'K="\0101"', {"K": "A"}, {"K": r"\0101"}),
    Row("an open quote refuses the file", "A=1\nK='abc\nB=2", None, {"A": "1", "B": "2"}),
    Row("a name with a space", "A=1\nMY KEY=2", None, {"A": "1"}),
    Row("a name with another character", "A=1\nK+=2", None, {"A": "1", "K+": "2"}),
    Row("a quoted name", "'K'=1", None, {"K": "1"}),
    Row("text after a closing quote", 'A=1\nK="a"+b', None, {"A": "1"}),
)

SAME: Final = (
    Row("a comment after a space", "K=a #c", {"K": "a"}, {"K": "a"}),
    Row("a `#` inside a word", "K=a#c", {"K": "a#c"}, {"K": "a#c"}),
    Row("export", "export K=1", {"K": "1"}, {"K": "1"}),
    Row("CRLF", "A=1\r\nB=2\r\n", {"A": "1", "B": "2"}, {"A": "1", "B": "2"}),
    Row("the last of two counts", "K=1\nK=2", {"K": "2"}, {"K": "2"}),
    Row("several lines in double quotes", 'K="a\nb"', {"K": "a\nb"}, {"K": "a\nb"}),
    Row("several lines in single quotes", "K='a\nb'", {"K": "a\nb"}, {"K": "a\nb"}),
    Row("`\\n` in double quotes", r'K="a\nb"', {"K": "a\nb"}, {"K": "a\nb"}),
    Row("`\\n` in single quotes", r"K='a\nb'", {"K": r"a\nb"}, {"K": r"a\nb"}),
    Row("spaces around `=`", "K = a ", {"K": "a"}, {"K": "a"}),
    Row("JSON without quotes", 'K={"a":[1]}', {"K": '{"a":[1]}'}, {"K": '{"a":[1]}'}),
    Row("JSON in single quotes", "K='{\"a\":1}'", {"K": '{"a":1}'}, {"K": '{"a":1}'}),
    Row("JSON in double quotes", r'K="{\"a\":1}"', {"K": '{"a":1}'}, {"K": '{"a":1}'}),
    Row("`${A}`", "A=1\nK=${A}2", {"A": "1", "K": "12"}, {"A": "1", "K": "12"}),
    Row("`${A:-d}`", "K=${A:-d}", {"K": "d"}, {"K": "d"}),
    Row("empty", "K=", {"K": ""}, {"K": ""}),
    Row("an equals sign in the value", "K=YQ==", {"K": "YQ=="}, {"K": "YQ=="}),
)


def literal(text: str) -> str:
    """Return the text as the page shows it, on one line."""
    shown = text.replace("\t", "<TAB>").replace("\r", "<CR>").replace("\n", " ⏎ ")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def outcome(values: dict[str, str] | dict[str, str | None] | None) -> str:
    """Return what became of a file as the page shows it."""
    if values is None:
        return REFUSED
    if not values:
        return "nothing"
    return ", ".join(
        f"{name} = {literal(value)}"
        if value
        else f"{name} {'is empty' if value == '' else 'without a value'}"
        for name, value in values.items()
    )


def table(rows: tuple[Row, ...]) -> str:
    """Return the rows as Markdown."""
    lines = ["| what | in the file | Compose | python-dotenv |", "|---|---|---|---|"]
    lines += [
        "| " + " | ".join(
            cell.replace("|", "\\|")
            for cell in (row.what, literal(row.file), outcome(row.compose), outcome(row.dotenv))
        ) + " |"
        for row in rows
    ]  # fmt: skip
    return "\n".join(lines) + "\n"

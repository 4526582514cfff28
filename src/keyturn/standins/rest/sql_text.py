"""How SQL text is made here: catalogue names quoted, everything else an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

from keyturn.flows.ports.rest import Relation
from keyturn.standins.rest.errors import unknown_column
from keyturn.standins.rest.syntax import Field


def quoted(name: str) -> str:
    """Return ``name`` as a quoted identifier.

    Names come from the catalogue; the one exception is an output alias, which can only ever name
    a member of the answer.
    """
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """Return a schema-qualified, quoted name."""
    return f"{quoted(schema)}.{quoted(name)}"


def clauses(*parts: str) -> str:
    """Return the parts of a statement, those that are empty left out, one blank between."""
    return " ".join(part for part in parts if part)


@dataclass(slots=True)
class Arguments:
    """Collects the values of one statement and hands out their placeholders and aliases."""

    values: list[object] = field(default_factory=list)
    aliases: int = 0

    def text(self, value: str) -> str:
        """Add a text; returns ``$n::text``."""
        self.values.append(value)
        return f"${len(self.values)}::text"

    def texts(self, values: tuple[str, ...]) -> str:
        """Add a list of texts; returns ``$n::text[]``."""
        self.values.append(list(values))
        return f"${len(self.values)}::text[]"

    def integer(self, value: int) -> str:
        """Add a whole number; returns ``$n::bigint``."""
        self.values.append(value)
        return f"${len(self.values)}::bigint"

    def index(self, value: int) -> str:
        """Add an array index; returns ``$n::int``."""
        self.values.append(value)
        return f"${len(self.values)}::int"

    def json(self, value: str) -> str:
        """Add a JSON document; returns ``$n::json``."""
        self.values.append(value)
        return f"${len(self.values)}::json"

    def alias(self) -> str:
        """Return a fresh alias for a row source."""
        self.aliases += 1
        return f"kt_{self.aliases}"


@dataclass(frozen=True, slots=True)
class Source:
    """A row source in scope: what its columns are and how SQL calls it."""

    relation: Relation
    alias: str


@dataclass(frozen=True, slots=True)
class Expression:
    """SQL with the type that a value compared with it is cast to."""

    sql: str
    type: str


def expression(arguments: Arguments, source: Source, wanted: Field) -> Expression:
    """Return a column, or a path into its JSON; raises 42703 for an unknown one."""
    column = source.relation.columns.get(wanted.name)
    if column is None:
        raise unknown_column(source.relation.name, wanted.name)
    sql = f"{source.alias}.{quoted(column.name)}"
    if not wanted.steps:
        return Expression(sql, column.base)
    kind = column.base
    if not column.is_json:
        sql, kind = f"to_jsonb({sql})", "jsonb"
    for step in wanted.steps:
        key = arguments.text(step.key) if isinstance(step.key, str) else arguments.index(step.key)
        sql += f"{'->>' if step.as_text else '->'}{key}"
        if step.as_text:
            # A text has no members: a further arrow is PostgreSQL's to refuse.
            kind = "text"
    return Expression(f"({sql})", kind)

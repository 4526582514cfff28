"""JSON Schema (2020-12) of the msgspec types that go over the wire, made from the types.

Members without a default are required; one that may be ``UNSET`` is left out when it is. Unknown
members of requests are ignored, as in Go, and ``null`` is the same as absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Final, get_args

import msgspec
from msgspec import inspect

_REF: Final = "#/components/schemas/"
_PLAIN: Final[Mapping[type[inspect.Type], Mapping[str, Any]]] = {
    inspect.AnyType: {},
    inspect.CustomType: {},  # object
    inspect.RawType: {},
    inspect.BoolType: {"type": "boolean"},
    inspect.IntType: {"type": "integer"},
    inspect.FloatType: {"type": "number"},
    inspect.StrType: {"type": "string"},
    inspect.NoneType: {"type": "null"},
}


class Schemas:
    """Collects the component schemas that a document refers to."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}

    def of(self, shape: Any) -> dict[str, Any]:
        """Return the schema of ``shape``: a mapping is one already."""
        if isinstance(shape, Mapping):
            return dict(shape)
        if isinstance(shape, UnionType):
            return self.of_any(get_args(shape))
        return self._of(inspect.type_info(shape))

    def of_any(self, shapes: Iterable[Any]) -> dict[str, Any]:
        """Return the schema of a value that has one of ``shapes``."""
        return _union([self.of(shape) for shape in shapes])

    def _of(self, found: inspect.Type) -> dict[str, Any]:
        if isinstance(found, inspect.Metadata):
            return {**self._of(found.type), **(found.extra_json_schema or {})}
        if isinstance(found, inspect.UnionType):
            return _union([self._of(part) for part in found.types])
        if isinstance(found, inspect.ListType | inspect.VarTupleType):
            return {"type": "array", "items": self._of(found.item_type)}
        if isinstance(found, inspect.DictType):
            return {"type": "object", "additionalProperties": self._of(found.value_type)}
        if isinstance(found, inspect.StructType):
            return self._reference(found)
        return dict(_PLAIN[type(found)])

    def _reference(self, found: inspect.StructType) -> dict[str, Any]:
        name = found.cls.__name__
        if name not in self.components:
            self.components[name] = {}
            self.components[name] |= self._struct(found)
        return {"$ref": _REF + name}

    def _struct(self, found: inspect.StructType) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": "object",
            "description": _first_sentence(found.cls),
            "properties": {field.encode_name: self._of(field.type) for field in found.fields},
        }
        required = [
            field.encode_name for field in msgspec.structs.fields(found.cls) if _required(field)
        ]
        return {**schema, "required": required} if required else schema


def _required(field: msgspec.structs.FieldInfo) -> bool:
    """Tell whether the member is always there; types say so by ``UNSET``, which inspect hides."""
    return field.required and msgspec.UnsetType not in get_args(field.type)


def _union(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _first_sentence(kind: type[msgspec.Struct]) -> str:
    return (kind.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ").replace("``", "`")

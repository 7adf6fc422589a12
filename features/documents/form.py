"""The form of a file, and what is said of one that does not have it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, ValidationError
from pydantic_core import ErrorDetails

from features.documents import hints
from features.documents.nodes import compose, value_of

_MAX_FAULTS, _MAX_SHOWN, _MAX_LISTED, _MIN_BEGINNING = 100, 60, 5, 3
PLAIN, STRUCTURED = "<plain>", "<structured>"
"""Which of two forms a part has that may be written in either; to be the tags of a union, for no path shows them."""
_NO_PART = frozenset({PLAIN, STRUCTURED, "[key]"})


class Document(BaseModel):
    """A file or a part of one: immutable, and nothing in it is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @cached_property
    def canonical(self) -> str:
        """One text for one content: sorted keys, no spaces."""
        fields = self.model_dump(mode="json", by_alias=True)
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def by_shape(value: object) -> str:
    """Which of the two: fields, or anything else."""
    return STRUCTURED if isinstance(value, dict | BaseModel) else PLAIN


Plain = TypeVar("Plain")
Structured = TypeVar("Structured")
PlainOr = Annotated[Annotated[Plain, Tag(PLAIN)] | Annotated[Structured, Tag(STRUCTURED)], Discriminator(by_shape)]
"""A part that is written plainly, or with fields: what is wrong with it is told of the way in which it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFault:
    """A field that is not what it must be; `path` leads to it."""

    path: tuple[str | int, ...]
    text: str


Form = TypeVar("Form", bound=BaseModel)


def parsed(text: str, form: type[Form]) -> Form:
    """The document of a text, by way of JSON, whose types are those of the files: nothing becomes what it is not.

    Raises: NotReadable, ValidationError.
    """
    return form.model_validate_json(json.dumps(value_of(compose(text))))


def form_faults(error: ValidationError, form: type[BaseModel]) -> Iterator[FormFault]:
    """One for each field that is not what it must be; of very many, the first. `form`: what was expected."""
    faults = _own_faults(error.errors(include_url=False))
    for fault in faults[:_MAX_FAULTS]:
        path = tuple(part for part in fault["loc"] if part not in _NO_PART)
        yield FormFault(path=path, text=_error_text(fault, form))
    if len(faults) > _MAX_FAULTS:
        yield FormFault(path=(), text=f"and {len(faults) - _MAX_FAULTS} more faults of form")


def _own_faults(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """Those that are not of a part: a list all of whose entries are wrong is not empty for that."""
    wrong = {fault["loc"][:n] for fault in faults for n in range(len(fault["loc"]))}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in wrong]


def _error_text(fault: ErrorDetails, form: type[BaseModel]) -> str:
    """What is wrong and what may have been meant; where a scalar is of another type, how to write it."""
    kind, value, name = fault["type"], fault["input"], str(fault["loc"][-1]) if fault["loc"] else ""
    if kind == "missing":
        return "an entry is missing" if isinstance(fault["loc"][-1], int) else f"the field `{name}` is missing"
    if kind == "extra_forbidden":
        fields = fields_at(form, fault["loc"][:-1])
        listed = f": there are {', '.join(fields)}" if 0 < len(fields) <= _MAX_LISTED else ""
        return f"unknown field `{name}`{meant(name, fields) or listed}"
    if kind in ("value_error", "assertion_error"):
        return fault["msg"].split(", ", 1)[-1]
    expected = _expected(kind, fault.get("ctx", {}))
    if kind in _EMPTY:
        return f"expected {expected}"
    if kind in _OF_FIELDS:
        fields = _fields_of(form, fault.get("ctx", {}).get("class_name")) or fields_at(form, fault["loc"])
        return f"expected {expected}{_named(fields, kind)}, not {shown(value)}{hints.of_fields(fields, value)}"
    return f"expected {expected}, not {shown(value)}{_hint(kind, value, expected, fault.get('ctx', {}))}"


def _named(fields: tuple[str, ...], kind: str) -> str:
    """The fields, if they are few and have names of their own."""
    if kind == "dict_type" or not 0 < len(fields) <= _MAX_LISTED:
        return "" if kind == "dict_type" else "s"
    return f"{'s' if len(fields) > 1 else ''} {', '.join(fields)}"


def _hint(kind: str, value: object, expected: str, limits: Mapping[str, Any]) -> str:
    """What to write, or what may have been meant."""
    if kind in _OF_A_CHOICE and isinstance(value, str):
        return meant(value, _OPTION.findall(expected))
    if limits.get("le") == 1:
        return hints.of_share(value)
    return hints.BY_KIND[kind](value) if kind in hints.BY_KIND else ""


def _expected(kind: str, limits: Mapping[str, Any]) -> str:
    """What a field must be, in words."""
    if kind in _LIMITS:
        words, limit = _LIMITS[kind]
        return f"{words} {limits[limit]:g}"
    if kind in _OF_A_CHOICE:
        return f"one of {limits['expected']}"
    return _EXPECTED.get(kind, "something else")


def shown(value: object) -> str:
    """What was found, short enough for a sentence."""
    if isinstance(value, dict | list):
        return "fields" if isinstance(value, dict) else "a list"
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text[:_MAX_SHOWN]}`"


_OF_A_CHOICE = frozenset({"enum", "literal_error"})
_OPTION = re.compile(r"'([^']*)'")
_OF_FIELDS = frozenset({"dict_type", "model_type", "model_attributes_type"})
_EMPTY = frozenset({"string_too_short", "too_short"})
_LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("more than", "gt"),
    "less_than": ("less than", "lt"),
}
"""By the kind of a fault: the words, and where the limit stands."""
_NUMBER, _WHOLE = "a number in plain decimals such as 3 or 0.5", "a whole number in plain decimals such as 500"
_EXPECTED: Mapping[str, str] = {
    "bool_type": "true or false",
    "float_type": _NUMBER,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "string_type": "a text",
    "string_too_short": "a text that says something",
    "too_short": "at least one entry",
    "dict_type": "fields",
    "model_type": "the field",
    "model_attributes_type": "the field",
    "too_long": "fewer entries",
    "finite_number": _NUMBER,
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
}
"""By the kind of a fault, in the words of whoever writes a file."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Which of these names was probably meant; None if none is near."""
    by_lowered = {known.lower(): known for known in sorted(names, reverse=True)}
    lowered = name.lower()
    longer = [known for known in by_lowered if len(lowered) >= _MIN_BEGINNING and known.startswith(lowered)]
    near = [lowered] if lowered in by_lowered else get_close_matches(lowered, by_lowered, n=1, cutoff=0.6)
    found = near or (longer if len(longer) == 1 else [])
    return by_lowered[found[0]] if found else None


def meant(name: str, names: Iterable[str]) -> str:
    """Which of these names was probably meant, as the end of a sentence; empty if none is near."""
    found = nearest(name, names)
    return "" if found is None else f", did you mean `{found}`?"


def fields_at(form: type[BaseModel], path: Iterable[str | int]) -> tuple[str, ...]:
    """The fields that a mapping at this path may have, in their order."""
    root = form.model_fields.get("root")
    forms = [form] if root is None else list(_forms_in(root.annotation))
    for part in path:
        below = [model for f in forms for name, model in _forms_below(f) if name == part]
        forms = below or [f for f in forms if f.__name__ == part] or forms
    return tuple(dict.fromkeys(field.alias or name for f in forms for name, field in f.model_fields.items()))


def _fields_of(form: type[BaseModel], name: str | None) -> tuple[str, ...]:
    """Those of the part of a form that has this name; none if it has no such part."""
    seen, ahead = set[type[BaseModel]](), [form]
    while name is not None and ahead:
        one = ahead.pop()
        if one.__name__ == name:
            return tuple(field.alias or own for own, field in one.model_fields.items())
        seen.add(one)
        ahead += [below for _, below in _forms_below(one) if below not in seen]
    return ()


def _forms_below(form: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in form.model_fields.items():
        for found in _forms_in(field.annotation):
            yield field.alias or name, found


def _forms_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _forms_in(argument)

"""The tree of a condition after CEL checked it: our own immutable nodes, read from `cel.Expression.serialize()`.

The runtime gives a google.protobuf.Any of cel.expr.CheckedExpr and no classes for it. The messages are made here, with
the fields that are needed, in a pool of their own: the process-wide pool may hold the official ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cel_expr_python import cel
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from features.errors import RumboError

ConstantValue = bool | int | float | str | bytes | None

_PACKAGE = "cel.expr"
_MESSAGES = """
CheckedReferences: reference_map=2*ReferenceEntry
CheckedExpr: reference_map=2*ReferenceEntry type_map=3*TypeEntry expr=4:Expr source_info=5:SourceInfo
ReferenceEntry: key=1:int64 value=2:Reference
Reference: name=1:string overload_id=3*string
TypeEntry: key=1:int64 value=2:Type
Type: primitive=3:int64 well_known=5:int64 list_type=6:Any map_type=7:Any
Any:
SourceInfo: positions=4*PositionEntry
PositionEntry: key=1:int64 value=2:int32
Expr: id=2:int64 const_expr=3:Constant ident_expr=4:Ident select_expr=5:Select call_expr=6:Call
 list_expr=7:CreateList struct_expr=8:CreateStruct comprehension_expr=9:Comprehension
Constant: null_value=1:int64 bool_value=2:bool int64_value=3:int64 uint64_value=4:uint64 double_value=5:double
 string_value=6:string bytes_value=7:bytes
Ident: name=1:string
Select: operand=1:Expr field=2:string test_only=3:bool
Call: target=1:Expr function=2:string args=3*Expr
CreateList: elements=1*Expr optional_indices=2*int32
CreateStruct: message_name=1:string entries=2*Entry
Entry: field_key=2:string map_key=3:Expr value=4:Expr optional_entry=5:bool
Comprehension: iter_var=1:string iter_range=2:Expr accu_var=3:string accu_init=4:Expr loop_condition=5:Expr
 loop_step=6:Expr result=7:Expr iter_var2=8:string
"""
"""`name=number:type` or, if repeated, `name=number*type`.

Source: cel-spec, proto/cel/expr/syntax.proto and checked.proto. Enums are read as int64 and maps as repeated entries,
which is how they are written. CheckedReferences reads a CheckedExpr without its tree, however deeply that is nested."""
_PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}
_WELL_KNOWN = {2: "timestamp", 3: "duration"}


class CheckedExprUnreadable(RumboError):
    """A checked expression that cannot be read, for instance because it is nested too deeply for protobuf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`type` is bool, int, uint, double, string, bytes, timestamp, duration, list, map or other.

    `offset` counts code points from the start of the text; -1 if it is not on record. Neither it nor anything else
    that the meaning does not depend on is in the repr, so that equal reprs mean equal values. `expr_id` is that of the
    runtime.
    """

    type: str
    offset: int = field(compare=False, repr=False)
    expr_id: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Node):
    value: ConstantValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Node):
    """A variable, by its full dotted name, or one that a macro binds."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """A function or operator. A method's target is the first argument.

    `overload` is empty if only the run can tell which one applies.
    """

    function: str
    overload: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOf(Node):
    """`operand.field`, or `has(operand.field)` if `is_test`."""

    operand: Node
    field_name: str
    is_test: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf(Node):
    elements: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf(Node):
    keys: tuple[Node, ...]
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comprehension(Node):
    """What the macros `exists`, `all`, `exists_one`, `map` and `filter` become."""

    variable: str
    over: Node
    accumulator: str
    start: Node
    step: Node
    result: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported(Node):
    """What no condition of ours needs: messages, optional entries, comprehensions over two variables."""

    what: str


def read(expression: cel.Expression) -> Node:
    """The tree of a checked expression. Raises: CheckedExprUnreadable."""
    return CheckedExpression(expression).root


def referenced_names(expression: cel.Expression) -> tuple[str, ...]:
    """The names that a checked expression refers to, sorted; also of one that is nested too deeply to be read."""
    checked: Any = _classes()["CheckedReferences"].FromString(any_pb2.Any.FromString(expression.serialize()).value)
    references = (entry.value for entry in checked.reference_map)
    return tuple(sorted({r.name for r in references if r.name and not r.overload_id}))


class CheckedExpression:
    """A checked CEL expression: its tree, and each part of it as an expression of its own."""

    def __init__(self, expression: cel.Expression) -> None:
        """Raises: CheckedExprUnreadable."""
        try:
            self._outer = any_pb2.Any.FromString(expression.serialize())
            self._checked: Any = _classes()["CheckedExpr"].FromString(self._outer.value)
        except DecodeError as error:
            raise CheckedExprUnreadable(f"the checked expression cannot be read: {error}") from error
        self.root = _Reader(self._checked).node(self._checked.expr)

    def part(self, node: Node) -> bytes:
        """One node of the tree, as `cel.Env.deserialize` takes it."""
        checked: Any = _classes()["CheckedExpr"]()
        checked.CopyFrom(self._checked)
        checked.expr.CopyFrom(next(e for e in _exprs(self._checked.expr) if e.id == node.expr_id))
        return any_pb2.Any(type_url=self._outer.type_url, value=checked.SerializeToString()).SerializeToString()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for part in below(node):
        yield from walk(part)


def names(node: Node) -> frozenset[str]:
    """The names that are read, those that macros bind among them."""
    return frozenset(n.name for n in walk(node) if isinstance(n, Name))


def below(node: Node) -> tuple[Node, ...]:
    """The parts of a node."""
    if isinstance(node, Call):
        return node.args
    if isinstance(node, FieldOf):
        return (node.operand,)
    if isinstance(node, ListOf):
        return node.elements
    if isinstance(node, MapOf):
        return node.keys + node.values
    if isinstance(node, Comprehension):
        return (node.over, node.start, node.step, node.result)
    return ()


def _exprs(message: Any) -> Iterator[Any]:
    """Every Expr from this one down."""
    if message.DESCRIPTOR.name == "Expr":
        yield message
    for declared, value in message.ListFields():
        if declared.type == declared.TYPE_MESSAGE:
            for below in value if declared.is_repeated else (value,):
                yield from _exprs(below)


class _Reader:
    """Reads the nodes of one checked expression."""

    def __init__(self, checked: Any) -> None:
        self._references = {entry.key: entry.value for entry in checked.reference_map}
        self._types = {entry.key: _type(entry.value) for entry in checked.type_map}
        self._positions = {entry.key: entry.value for entry in checked.source_info.positions}

    def node(self, expr: Any) -> Node:
        reference = self._references.get(expr.id)
        is_variable = expr.HasField("ident_expr") or expr.HasField("select_expr")  # a message has a name too
        if reference is not None and is_variable and reference.name:
            return Name(name=reference.name, **self._place(expr))
        for kind, read_kind in self._KINDS.items():
            if expr.HasField(kind):
                node: Node = read_kind(self, expr, getattr(expr, kind))
                return node
        return self._unsupported(expr, "an empty expression")

    def _place(self, expr: Any) -> dict[str, Any]:
        offset = self._positions.get(expr.id, -1)
        return {"type": self._types.get(expr.id, "other"), "offset": offset, "expr_id": expr.id}

    def _unsupported(self, expr: Any, what: str) -> Node:
        return Unsupported(what=what, **self._place(expr))

    def _constant(self, expr: Any, constant: Any) -> Node:
        set_fields = constant.ListFields()
        value = set_fields[0][1] if set_fields and set_fields[0][0].name != "null_value" else None
        return Constant(value=value, **self._place(expr))

    def _ident(self, expr: Any, ident: Any) -> Node:
        return Name(name=ident.name, **self._place(expr))

    def _select(self, expr: Any, select: Any) -> Node:
        operand = self.node(select.operand)
        return FieldOf(operand=operand, field_name=select.field, is_test=select.test_only, **self._place(expr))

    def _call(self, expr: Any, call: Any) -> Node:
        reference = self._references.get(expr.id)
        overloads = tuple(reference.overload_id) if reference is not None else ()
        targets = [call.target] if call.HasField("target") else []
        return Call(
            function=call.function,
            overload=overloads[0] if len(overloads) == 1 else "",
            args=tuple(self.node(arg) for arg in [*targets, *call.args]),
            **self._place(expr),
        )

    def _list(self, expr: Any, create: Any) -> Node:
        if create.optional_indices:
            return self._unsupported(expr, "a list with optional elements")
        return ListOf(elements=tuple(self.node(e) for e in create.elements), **self._place(expr))

    def _struct(self, expr: Any, create: Any) -> Node:
        if create.message_name or any(e.optional_entry for e in create.entries):
            return self._unsupported(expr, "a message or a map with optional entries")
        return MapOf(
            keys=tuple(self.node(e.map_key) for e in create.entries),
            values=tuple(self.node(e.value) for e in create.entries),
            **self._place(expr),
        )

    def _comprehension(self, expr: Any, macro: Any) -> Node:
        if macro.iter_var2:
            return self._unsupported(expr, "a macro over two variables")
        return Comprehension(
            variable=macro.iter_var,
            over=self.node(macro.iter_range),
            accumulator=macro.accu_var,
            start=self.node(macro.accu_init),
            step=self.node(macro.loop_step),
            result=self.node(macro.result),
            **self._place(expr),
        )

    _KINDS: Mapping[str, Any] = {
        "const_expr": _constant,
        "ident_expr": _ident,
        "select_expr": _select,
        "call_expr": _call,
        "list_expr": _list,
        "struct_expr": _struct,
        "comprehension_expr": _comprehension,
    }


def _type(checked_type: Any) -> str:
    if checked_type.HasField("primitive"):
        return _PRIMITIVES.get(checked_type.primitive, "other")
    if checked_type.HasField("well_known"):
        return _WELL_KNOWN.get(checked_type.well_known, "other")
    return "list" if checked_type.HasField("list_type") else "map" if checked_type.HasField("map_type") else "other"


@cache
def _classes() -> Mapping[str, Any]:
    """The message classes. proto2, so that every field tells whether it was set."""
    file = descriptor_pb2.FileDescriptorProto(name="rumbo/checked.proto", package=_PACKAGE, syntax="proto2")
    for line in _MESSAGES.replace("\n ", " ").split("\n"):
        name, _, form = line.partition(":")
        if name:
            message = file.message_type.add(name=name)
            for declared in form.split():
                _declare(message, declared)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindFileByName(file.name).message_types_by_name
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found.items()}


def _declare(message: descriptor_pb2.DescriptorProto, declared: str) -> None:
    """Adds `name=number:type` or `name=number*type`."""
    kinds = descriptor_pb2.FieldDescriptorProto
    name, _, rest = declared.partition("=")
    number, separator, type_name = rest.partition("*" if "*" in rest else ":")
    field_of = message.field.add(name=name, number=int(number))
    field_of.label = kinds.LABEL_REPEATED if separator == "*" else kinds.LABEL_OPTIONAL
    if type_name[0].isupper():
        field_of.type, field_of.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{type_name}"
    else:
        field_of.type = kinds.Type.Value(f"TYPE_{type_name.upper()}")

"""Conditions in CEL, type-checked when the catalogue loads and evaluated over one shared activation a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from cel_expr_python import cel

from features.errors import RumboError
from features.schema import FeatureSchema
from service.catalogue.conditions.closures import Closure, NotAsDeclared, closure_of
from service.catalogue.conditions.comparisons import Comparisons, State, conjunction_of
from service.catalogue.conditions.constants import constant_faults
from service.catalogue.conditions.slips.explain import NESTED, slips_of, undecided
from service.catalogue.conditions.slips.listed import listed_slips
from service.catalogue.conditions.slips.names import asked_whether_there
from service.catalogue.conditions.slips.slip import Slip
from service.catalogue.conditions.slips.tokens import Condition
from service.catalogue.conditions.tree import CheckedExpression, CheckedExprUnreadable, referenced_names
from service.catalogue.documents.patience import GoOn, always
from service.decision.variables import SITUATION_TYPES, Variables

_TYPES = {
    "string": cel.Type.STRING,
    "double": cel.Type.DOUBLE,
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "timestamp": cel.Type.TIMESTAMP,
    "list<string>": cel.Type.List(cel.Type.STRING),
    "map<string, string>": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}
_SAYS: Mapping[int, bool | None] = {State.FALSE: False, State.TRUE: True, State.UNKNOWN: None}
MAX_CONDITION = 4096
"""Characters. The runtime itself bounds how deep it is nested, and how often its macros go round."""


class ConditionInvalid(RumboError):
    """A condition that is not to be used: why, with a suggestion where one is near.

    `column` counts from the start of the text, from 0, if it is known. `others` are its further faults.
    """

    def __init__(self, text: str, column: int | None = None, others: tuple[ConditionInvalid, ...] = ()) -> None:
        super().__init__(text)
        self.column = column
        self.others = others


@dataclass(frozen=True, slots=True)
class CelCondition:
    """A compiled condition; two of the same text are equal, so the rules that hold them are shared.

    `names`: the variables that it reads, sorted. `expression`: as CEL checked it.
    """

    text: str
    names: tuple[str, ...] = field(compare=False)
    expression: cel.Expression = field(compare=False, repr=False)
    _env: cel.Env = field(compare=False, repr=False)
    _comparisons: Comparisons = field(compare=False, repr=False)
    row: int | None = field(compare=False, repr=False)
    _closure: Closure | None = field(compare=False, repr=False)

    @property
    def columns(self) -> Comparisons | None:
        """Those that its comparisons are among; None if it makes none."""
        return None if self.row is None else self._comparisons

    def among(self, comparisons: Comparisons) -> CelCondition:
        """The same condition, with its comparisons added to those of another catalogue."""
        row = None if self.row is None else comparisons.add(self._comparisons.conjunction(self.row))
        return replace(self, _comparisons=comparisons, row=row)

    def holds(self, variables: Variables) -> bool | None:
        """True, False, or None when what is missing would settle it (or the evaluation fails).

        The comparisons of all conditions are made at the first question about these variables.
        """
        if self.row is not None:
            state = self._comparisons.over(variables).item(self.row)
            if state != State.OPEN:
                return _SAYS[state]
        return self.holds_alone(variables)

    def holds_alone(self, variables: Variables) -> bool | None:
        """The same, for variables that few other conditions are asked about: by its closure, if it has one."""
        if self._closure is not None:
            try:
                told: bool | None = self._closure(variables.known)
                return told
            except NotAsDeclared:
                pass
        return variables.once(self.by_cel)

    def by_cel(self, known: Mapping[str, Any]) -> bool | None:
        """The same, by CEL. It is told of nothing but what the condition reads: each value costs."""
        told = {name: known[name] for name in self.names if name in known}
        try:
            result = self.expression.eval(self._env.Activation(told)).value()
        except RuntimeError:  # a few expressions compile and then cannot be planned, such as a map with a key twice
            return None
        return result if isinstance(result, bool) else None


def customer_types(schema: FeatureSchema, context: Mapping[str, str]) -> dict[str, str]:
    """The variables of a condition about a customer, by name, with their types."""
    return {
        "now": "timestamp",
        "channel": "string",
        "placement": "string",
        **SITUATION_TYPES,
        **feature_types(schema),
        **{"context." + name: type_name for name, type_name in context.items()},
    }


def feature_types(schema: FeatureSchema) -> dict[str, str]:
    """The variables that the feature store tells, by name, with their types."""
    stored = {"customer." + f.name: f.type.value for f in schema.features if not f.is_situation}
    return {"customer.is_known": "bool", **stored}


class ConditionCompiler:
    """Compiles conditions over variables of known types."""

    def __init__(self, types: Mapping[str, str], *, is_kept: bool = False, env: cel.Env | None = None) -> None:
        """`types` gives each variable its type: string, double, int, bool, timestamp, a list or a map of strings.

        `is_kept`: conditions of a catalogue that was once in force, which are taken as they are. `env`: of another
        compiler over the same variables.
        """
        self.types = dict(types)
        self.is_kept = is_kept
        self._env = env or cel.NewEnv(variables={name: _TYPES[t] for name, t in self.types.items()})
        self._comparisons = Comparisons()
        self._compiled: dict[str, CelCondition] = {}

    def compile(self, text: str) -> CelCondition:
        """Raises: ConditionInvalid with the position and the cause, also if the condition is not a claim."""
        if text not in self._compiled:
            self._compiled[text] = self._new(text)
        return self._compiled[text]

    def _new(self, text: str) -> CelCondition:
        expression = self._checked(text)
        names = tuple(
            name for name in referenced_names(expression) if name in self.types
        )  # without those a macro binds
        row, closure = self._laid_out(expression, text)
        return CelCondition(text, names, expression, self._env, self._comparisons, row, closure)

    def _checked(self, text: str) -> cel.Expression:
        """Raises: ConditionInvalid if it cannot be read, is mistyped, or is no claim."""
        if len(text) > MAX_CONDITION and not self.is_kept:
            raise ConditionInvalid(f"a condition has at most {MAX_CONDITION} characters, this has {len(text)}", 0)
        try:
            expression = self._env.compile(text)
        except RuntimeError as error:
            raise self._refused(str(error), text) from error
        if not self.is_kept and (asked := tuple(asked_whether_there(Condition.of(text), self.types))):
            raise _invalid(asked)
        if expression.return_type().name() != "BOOL":
            raise ConditionInvalid(undecided(text, expression.return_type().name()), 0)
        return expression

    def _laid_out(self, expression: cel.Expression, text: str) -> tuple[int | None, Closure | None]:
        """The row of its comparisons, if it makes any, and its closure, if it has one.

        Raises: ConditionInvalid for constants that fail.
        """
        try:
            checked = CheckedExpression(expression)
        except CheckedExprUnreadable as error:
            if self.is_kept:
                return None, None
            raise ConditionInvalid(NESTED, 0) from error
        if not self.is_kept:
            self._demand_sense(checked, text)
        conjunction = conjunction_of(checked.root)
        return None if conjunction is None else self._comparisons.add(conjunction), closure_of(checked.root)

    def _demand_sense(self, checked: CheckedExpression, text: str) -> None:
        """Raises: ConditionInvalid for what CEL lets pass: constants that fail, lists that never hold the value."""
        slips = [Slip(f.text, max(f.offset, 0)) for f in constant_faults(self._env, checked)]
        slips += listed_slips(checked.root, text)
        if slips:
            raise _invalid(sorted(slips, key=lambda slip: slip.offset))

    def _refused(self, message: str, text: str) -> ConditionInvalid:
        """CEL's refusal in the words of whoever wrote the condition."""
        return _invalid(slips_of(message, text, self.types))


def _invalid(slips: Sequence[Slip]) -> ConditionInvalid:
    faults = [ConditionInvalid(slip.text, slip.offset) for slip in slips]
    return ConditionInvalid(slips[0].text, slips[0].offset, tuple(faults[1:]))


class IncrementalCompiler(ConditionCompiler):
    """Takes over what an earlier one compiled over the same variables. A context: after it, the earlier one is free.

    Conditions of two compilers are never mixed, since the comparisons of each stand in columns of their own.
    """

    def __init__(
        self,
        types: Mapping[str, str],
        earlier: IncrementalCompiler | None = None,
        go_on: GoOn = always,
        *,
        is_kept: bool = False,
    ) -> None:
        """`go_on` is asked before each condition that is new."""
        like = earlier if earlier is not None and earlier.types == dict(types) else None
        super().__init__(types, is_kept=is_kept, env=None if like is None else like._env)
        self._go_on = go_on
        self._earlier: Mapping[str, CelCondition] = {} if like is None else like._compiled

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._earlier, self._go_on = {}, always
        self._comparisons.lay_out()

    def _new(self, text: str) -> CelCondition:
        known = self._earlier.get(text)
        if known is None:
            self._go_on()
        return super()._new(text) if known is None else known.among(self._comparisons)

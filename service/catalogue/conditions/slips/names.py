"""Names that do not exist: what was probably meant, or how a value is written that was taken for a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from features.documents.form import meant, nearest
from service.catalogue.conditions.slips.slip import MISSING, NO_NULL, NULLS, Slip
from service.catalogue.conditions.slips.tokens import RELATIONS, Condition, Kind

_OF_TEXT = ("contains", "startsWith", "endsWith", "matches", "size")
_OF_INSTANT = (
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
)
_OF_LIST = ("size", "exists", "exists_one", "all", "filter", "map")
_METHODS = {"string": _OF_TEXT, "timestamp": _OF_INSTANT, "list<string>": _OF_LIST}
_FUNCTIONS = ("size", "duration", "timestamp", "int", "double", "string", "bool")
_MACROS = frozenset({"exists", "exists_one", "all", "filter", "map"})
_OTHERWISE: Mapping[str, str] = {
    "length": "size",
    "len": "size",
    "count": "size",
    "include": "contains",
    "includes": "contains",
    "like": "contains",
    "year": "getFullYear",
    "month": "getMonth",
    "day": "getDate",
    "weekday": "getDayOfWeek",
    "hour": "getHours",
    "minute": "getMinutes",
}
"""What other languages call them."""
_FLAGS = {"true": "true", "false": "false", "yes": "true", "no": "false"}
_FEW = 8
"""So many names, such as the attributes of a type of events, are all told where none is near."""
_NOW = frozenset({"today", "current_date", "sysdate", "getdate"})


def name_slip(condition: Condition, name: str, offset: int, types: Mapping[str, str]) -> Slip:
    """`name` is unknown, and CEL says so at `offset`: at its last point, or at the bracket of a call."""
    index = condition.at(offset)
    if index is None:
        return Slip(f"unknown name `{name}`{_near(name, types)}", offset)
    tokens = condition.tokens
    if tokens[index].text == "(" and index and tokens[index - 1].text.endswith(name):
        return _unknown_call(condition, index, name, types)
    if not tokens[index].text.startswith(name):
        index = next((i for i, token in enumerate(tokens) if token.text == name), index)
    token, text = tokens[index], _taken_for_a_name(condition, index, name, types)
    return Slip(text or f"unknown name `{name}`{_near(name, types)}", token.start)


def asked_whether_there(condition: Condition, types: Mapping[str, str]) -> Iterator[Slip]:
    """`has(customer.tier)`, which CEL takes for `customer.tier` itself, since features are no parts of a message."""
    tokens = condition.tokens
    for i, token in enumerate(tokens[:-2]):
        is_call = token.kind is Kind.NAME and token.text == "has" and tokens[i + 1].text == "("
        inside = tokens[i + 2 : condition.closing(i + 1)]
        if is_call and len(inside) == 1 and inside[0].text in types:
            yield Slip(f"`has` cannot ask for a fact: {MISSING}; leave it out", token.start)


def _taken_for_a_name(condition: Condition, index: int, name: str, types: Mapping[str, str]) -> str | None:
    """What is said of a value that is not written as one; None if it was surely meant as a name."""
    lowered, other = name.lower(), types.get(_compared_with(condition, index), "")
    tokens = condition.tokens
    if any(known.startswith(f"{name}.") for known in types):
        return _of_a_group(condition, index, name, types)
    if "." in name or _same(name, types):
        return None
    if lowered in ("true", "false") or (lowered in _FLAGS and other == "bool"):
        return f"`{name}` is written `{_FLAGS[lowered]}`"
    if lowered in NULLS and other != "string":
        return NO_NULL
    if lowered in _NOW:
        return f"`{name}` is written `now`, which is an instant"
    is_called = index + 1 < len(tokens) and tokens[index + 1].text in ("(", "[")
    if other in ("string", "list<string>", "map<string, string>") and not is_called:
        return f'unknown name `{name}`: a text stands in quotes, write `"{name}"`'
    return None


def _of_a_group(condition: Condition, index: int, name: str, types: Mapping[str, str]) -> str:
    """`customer` alone, or `customer["tier"]`."""
    following = condition.tokens[index + 1 : index + 3]
    if len(following) == 2 and following[0].text == "[" and following[1].kind is Kind.TEXT:
        member = f"{name}.{following[1].text.strip(chr(34) + chr(39))}"
        near = "" if member in types else _near(member, types)
        return f"what `{name}` has is named with a point: write `{member}`{near}"
    example = next(known for known in types if known.startswith(f"{name}."))
    return f"`{name}` alone is no value: name what is meant of it, such as `{example}`"


def _compared_with(condition: Condition, index: int) -> str:
    """What stands on the other side of the comparison that this name, or the list that it stands in, is part of."""
    tokens = condition.tokens
    before, after = index - 1, index + 1
    while before >= 0 and (
        tokens[before].text in ("[", ",") or tokens[before].kind is Kind.TEXT or _is_listed(condition, before)
    ):
        before -= 1
    if before >= 0 and tokens[before].text in RELATIONS:
        return condition.shown(condition.before(before))
    if after < len(tokens) and tokens[after].text in RELATIONS:
        return condition.shown(condition.after(after))
    return _method_target(condition, index)


def _is_listed(condition: Condition, index: int) -> bool:
    """Whether it is a name between commas."""
    beside = condition.tokens[max(index - 1, 0)]
    return condition.tokens[index].kind is Kind.NAME and beside.text in ("[", ",")


def _method_target(condition: Condition, index: int) -> str:
    """`customer.tier` of `customer.tier.startsWith(` right before it."""
    tokens = condition.tokens
    if index < 2 or tokens[index - 1].text != "(" or tokens[index - 2].kind is not Kind.NAME:
        return ""
    target, _, method = tokens[index - 2].text.rpartition(".")
    return target if method in _OF_TEXT else ""


def _unknown_call(condition: Condition, bracket: int, name: str, types: Mapping[str, str]) -> Slip:
    token = condition.tokens[max(bracket - 1, 0)]
    target = token.text.removesuffix(name).removesuffix(".") if token.kind is Kind.NAME else ""
    start = max(token.end - len(name), token.start)
    if name in types:
        return Slip(f"`{name}` is no call: write `{name}` without brackets", start)
    if name in _MACROS:
        return Slip(_of_a_list(name, target, types), start)
    if name == "has":
        return Slip(f"`has` cannot ask for this: {MISSING}", start)
    if name.lower() in ("not", "and", "or"):
        return Slip(f"`{name}` is written `{ {'not': '!', 'and': '&&', 'or': '||'}[name.lower()] }`", start)
    names = _METHODS.get(types.get(target, ""), (*_OF_TEXT, *_OF_INSTANT, *_OF_LIST)) if target else _FUNCTIONS
    other = _OTHERWISE.get(name.lower())
    hint = f", did you mean `{other}`?" if other in names else meant(name, names)
    listed = ", ".join(f"`{one}`" for one in names)
    if not hint and (not target or types.get(target) in _METHODS):
        hint = f": {f'`{target}` has' if target else 'there are'} {listed}"
    return Slip(f"there is no `{name}`{hint}", start)


def _of_a_list(name: str, target: str, types: Mapping[str, str]) -> str:
    if types.get(target, "").startswith(("list", "map")):
        return f'`{name}` takes a name and a condition: `{target}.{name}(one, one == "…")`'
    if name == "exists":
        return f"`exists` cannot ask for a fact: {MISSING}; leave it out"
    return f'`{name}` is for lists: `situation.journeys.{name}(one, one == "…")`'


def _same(name: str, types: Mapping[str, str]) -> str | None:
    """The known name that differs in capitals alone, or in what stands before its last point."""
    lowered = name.lower()
    last = lowered.rpartition(".")[2]
    alike = [known for known in types if known.lower() == lowered]
    alike += [known for known in types if known.lower().rpartition(".")[2] == last]
    return alike[0] if alike else None


def _near(name: str, types: Mapping[str, str]) -> str:
    """The end of the sentence. Of a group, such as `customer`, only what follows its name is compared."""
    group, point, member = name.rpartition(".")
    members = {known.removeprefix(group + point): known for known in types if known.rpartition(".")[0] == group}
    found = _same(name, types) or (members.get(nearest(member, members) or "") if members else nearest(name, types))
    if found is None and len(types) <= _FEW:
        return f": there are {', '.join(sorted(types))}" if types else ": there are none"
    return "" if found is None else f", did you mean `{found}`?"

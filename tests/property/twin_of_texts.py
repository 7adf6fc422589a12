"""Texts made the plain way: every parameter is written out, then each optional part is filled in or left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from service.decision.constraints.registry import POLICY, group_of
from service.decision.verdict import Reason
from service.texts import fill
from service.texts.rounding import instant_text
from service.texts.wording import SAYS_NOTHING, Language

OPTIONAL = re.compile(r"\[([^]]*)]")
FIELD = re.compile(r"{(\w+)")


def filled(template: str, reason: Reason, language: Language) -> str:
    shown = _shown(reason, language)

    def part(match: re.Match[str]) -> str:
        is_known = all(field in shown for field in FIELD.findall(match[1]))
        return match[1].format_map(shown) if is_known else ""

    return OPTIONAL.sub(part, template)


class _ShownValue(str):
    """With the format `one|many` it is a number with its noun."""

    __slots__ = ()

    def __format__(self, nouns: str) -> str:
        one, _, many = nouns.partition("|")
        return f"{self!s} {one if self == '1' else many}" if nouns else str(self)


def _shown(reason: Reason, language: Language) -> Mapping[str, _ShownValue]:
    params = {k: v for k, v in reason.params.items() if v != "" and SAYS_NOTHING.get(k) != v}
    shown = {name: _ShownValue(fill._value(name, params, language)) for name in params}
    if reason.eligible_after is not None:
        until = reason.eligible_after + timedelta(seconds=59, microseconds=999_999)
        shown["eligible_after"] = _ShownValue(instant_text(until))
    if group_of(reason.code) in ("AUDIENCE", POLICY) and (observed := fill._observed(params)):
        shown["observed"] = _ShownValue(observed)
    return shown

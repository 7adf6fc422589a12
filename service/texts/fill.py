"""The texts that people read, of every reason and of every degradation. Programs read codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from string import Formatter
from typing import NamedTuple

from features.values import Scalar
from service.decision.constraints.registry import POLICY, group_of
from service.decision.decide import Degradation
from service.decision.verdict import Reason, ReasonKind
from service.texts.rounding import beside, instant_text, number_text
from service.texts.wording import (
    ALL_THE_SAME,
    BECAUSE,
    DURATION_UNITS,
    EFFECTS,
    IN_GRACE,
    NAMES,
    SAYS_NOTHING,
    STATUSES,
    TEXTS,
    UNKNOWN,
    UNKNOWN_AND_PASSED,
    WHETHER,
    Language,
    Wording,
)

OwnTexts = Mapping[str, Mapping[str, str]]
"""The catalogue's own texts: by reason code, then by language."""

NO_TEXTS: OwnTexts = {}
_FEED = "feed."
_OPTIONAL = re.compile(r"\[([^]]*)]")


def text(reason: Reason, locale: str, own_texts: OwnTexts = NO_TEXTS) -> str:
    """The reason in the language of `locale` ("es", "es-ES", "en-US"…), English for any other. Never raises."""
    language = language_of(locale)
    group = group_of(reason.code)
    prefix = ALL_THE_SAME.by(language) if reason.kind is ReasonKind.BYPASS else ""
    if _is_unknown(reason) and group in WHETHER:
        return prefix + _unknown_text(reason, group, language)
    own = own_texts.get(reason.code, {}).get(language.value)
    if own is not None and reason.kind is not ReasonKind.UNKNOWN:
        return prefix + own
    wording = TEXTS.get(group, Wording(f"Reason: {reason.code}.", f"Motivo: {reason.code}."))
    if "grace_until" in reason.params:
        wording = IN_GRACE
    return prefix + _fill(wording.by(language), _Shown(reason, language))


def _is_unknown(reason: Reason) -> bool:
    """Whether a fact was unknown. Of a bypassed denial only the parameters tell: they have the status of the fact."""
    return reason.kind is ReasonKind.UNKNOWN or (reason.kind is ReasonKind.BYPASS and "status" in reason.params)


def effect_text(degraded: Degradation, locale: str) -> str:
    """What a degradation did to the answer, in the language of `locale`."""
    language = language_of(locale)
    wording = EFFECTS.get(degraded.effect)
    if wording is None:
        return degraded.effect
    status = STATUSES.get(degraded.status.value)
    return wording.by(language).format(
        what=degraded.what, status=degraded.status.value if status is None else status.by(language)
    )


def language_of(locale: str) -> Language:
    """The language of a BCP 47 or POSIX locale; English unless it is Spanish."""
    lowered = locale.strip().lower()
    is_spanish = lowered.startswith(Language.ES) and lowered[2:3] in ("", "-", "_", ".")
    return Language.ES if is_spanish else Language.EN


class _Field(NamedTuple):
    """A value's place in a template, after `before`; with `nouns`, one and many, it is a number with its noun."""

    before: str
    name: str
    nouns: tuple[str, str] | None

    def said(self, value: str) -> str:
        if self.nouns is None:
            return value
        one, many = self.nouns
        return f"{value} {one if value == '1' else many}"


class _Part(NamedTuple):
    """What a template says in any case, and what follows it where every value of that is known."""

    always: str
    names: frozenset[str] = frozenset()
    fields: tuple[_Field, ...] = ()
    after: str = ""


@lru_cache(maxsize=1024)
def _parts(template: str) -> tuple[_Part, ...]:
    """A template taken apart; there are as many as wordings."""
    pieces = _OPTIONAL.split(template)
    found = [_part(always, optional) for always, optional in zip(pieces[::2], pieces[1::2], strict=False)]
    return (*found, _Part(always=pieces[-1]))


def _part(always: str, optional: str) -> _Part:
    parsed = list(Formatter().parse(optional))
    fields = tuple(_Field(before, name, _nouns(nouns)) for before, name, nouns, _ in parsed if name is not None)
    after = "".join(before for before, name, _, _ in parsed if name is None)
    return _Part(always, frozenset(field.name for field in fields), fields, after)


def _nouns(said: str | None) -> tuple[str, str] | None:
    if not said:
        return None
    one, _, many = said.partition("|")
    return one, many


def _fill(template: str, shown: _Shown) -> str:
    """The template with every optional part whose values are all known."""
    said: list[str] = []
    for part in _parts(template):
        said.append(part.always)
        if part.names <= shown.names:
            for field in part.fields:
                said += (field.before, field.said(shown.value(field.name)))
            said.append(part.after)
    return "".join(said)


def _unknown_text(reason: Reason, group: str, language: Language) -> str:
    """What could not be known of a rule, and because of which fact."""
    status, fact = str(reason.params.get("status")), str(reason.params.get("fact"))
    if status == "NOT_FOUND" and (fact.startswith("context.") or fact == "placement"):
        status = "NOT_SAID"
    elif fact.startswith(_FEED):
        status = "SILENT"
    because = BECAUSE.get(status, Wording("", "")).by(language)
    whether = WHETHER[group].by(language)
    wording = UNKNOWN_AND_PASSED if reason.kind is ReasonKind.BYPASS else UNKNOWN
    return wording.by(language).format(whether=whether) + _fill(because, _Shown(reason, language)) + "."


class _Shown:
    """The parameters as people read them, without those that say nothing; written only where asked for."""

    __slots__ = ("_language", "_params", "_said", "names")

    def __init__(self, reason: Reason, language: Language) -> None:
        self._language = language
        self._params = {k: v for k, v in reason.params.items() if v != "" and SAYS_NOTHING.get(k) != v}
        self._said: dict[str, str] = {}
        if reason.eligible_after is not None:
            until = reason.eligible_after + timedelta(seconds=59, microseconds=999_999)
            self._said["eligible_after"] = instant_text(until)
        if group_of(reason.code) in ("AUDIENCE", POLICY) and (observed := _observed(self._params)):
            self._said["observed"] = observed
        self.names = self._params.keys() | self._said.keys()

    def value(self, name: str) -> str:
        said = self._said.get(name)
        return _value(name, self._params, self._language) if said is None else said


def _value(name: str, params: Mapping[str, Scalar], language: Language) -> str:
    value, names = params[name], NAMES.get(name)
    if names is not None and (named := names.get(str(value))) is not None:
        return named.by(language)
    if name == "channel":
        return f"({value})"
    if (name == "per" or name.endswith("_s")) and isinstance(value, int):
        return _duration(value, language)
    if name == "pool" or (name == "fact" and str(value).startswith(_FEED)):
        return re.split("[.:]", str(value), maxsplit=1)[-1]
    if not isinstance(value, float):
        return _plain(name, params)
    plain = f"{value * 100:.3g}%" if name in ("p_outcome", "p_if_silent") else _plain(name, params)
    return plain if language is Language.EN else plain.replace(".", ",").replace("%", " %")


def _observed(params: Mapping[str, Scalar]) -> str:
    """What the condition saw, as a condition would write it."""
    own = ("condition", "fact", "status")
    return ", ".join(f"{name} = {_plain(name, params)}" for name in params if name not in own)


def _plain(name: str, params: Mapping[str, Scalar]) -> str:
    value = params[name]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return instant_text(value, beside(params, name).instants)
    return number_text(value, beside(params, name).numbers) if isinstance(value, float) else str(value)


def _duration(seconds: int, language: Language) -> str:
    """The duration in the largest unit that is exact."""
    size, nouns = next((size, nouns) for size, nouns in DURATION_UNITS if seconds % size == 0)
    return _Field("", "", _nouns(nouns.by(language))).said(str(seconds // size))

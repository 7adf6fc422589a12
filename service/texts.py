"""What people read: the text of every reason and of every degraded effect, in Spanish and English. Programs read codes.

A part in brackets is left out when one of its values is not known, or says nothing. `{n:contact|contacts}` is a number
with its noun.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from features.values import Scalar
from service.decision.decide import Degraded
from service.decision.verdict import Reason, ReasonKind


class Language(StrEnum):
    EN = "en"
    ES = "es"


class Told(NamedTuple):
    """One text in both languages."""

    en: str
    es: str

    def by(self, language: Language) -> str:
        return self.es if language is Language.ES else self.en


_WEIGHTS = Told(
    "[ This moment weighs it by {context_weight}.]"
    "[ The business weighs it by {lever} until {lever_until}: {lever_why}.]",
    "[ Este momento lo pondera por {context_weight}.]"
    "[ El negocio lo pondera por {lever} hasta el {lever_until}: {lever_why}.]",
)
_COUNTED = Told(
    "[: {contacts:contact|contacts} within {per_s}, at most {at_most}]",
    "[: {contacts:contacto|contactos} en {per_s}, {at_most} como máximo]",
)
_AGAIN = Told("[ Possible again after {eligible_after}.]", "[ Será posible después del {eligible_after}.]")

TEXTS: Mapping[str, Told] = {
    "INCIDENT_OPEN": Told(
        "An incident is open[ since {opened_at}][ ({incident_class})][, {open_incidents} in all]"
        "[; {kind} journeys are withheld until it is resolved].",
        "Hay una incidencia abierta[ desde el {opened_at}][ ({incident_class})][, {open_incidents} en total]"
        "[; hasta que se resuelva no se muestran journeys {kind}].",
    ),
    "CONSENT_MISSING": Told(
        "The customer's consent is missing[ for {purpose}][ {channel}][; it was withdrawn on {withdrawn_at}].",
        "Falta el consentimiento del cliente[ para {purpose}][ {channel}][; lo retiró el {withdrawn_at}].",
    ),
    "AUDIENCE": Told(
        "The customer is not in the audience[ “{condition}”][; observed: {observed}].",
        "El cliente no está en la audiencia[ «{condition}»][; observado: {observed}].",
    ),
    "CONTACT_CAP": Told(
        f"This journey has reached its limit of contacts{_COUNTED.en}.{_AGAIN.en}",
        f"Este journey ha alcanzado su límite de contactos{_COUNTED.es}.{_AGAIN.es}",
    ),
    "PRESSURE_CAP": Told(
        f"The customer has been contacted often enough{_COUNTED.en}[ (limit “{{cap}}”)].{_AGAIN.en}",
        f"Ya se ha contactado lo suficiente con el cliente{_COUNTED.es}[ (límite «{{cap}}»)].{_AGAIN.es}",
    ),
    "NOT_VALID_NOW": Told(
        "This journey is not running now[: it ended on {valid_until}][: it starts on {valid_from}].",
        "Este journey no está vigente ahora[: terminó el {valid_until}][: empieza el {valid_from}].",
    ),
    "TAKEN_MEANWHILE": Told(
        "Another decision took the last contact allowed while this one was being made.",
        "Otra decisión ocupó el último contacto permitido mientras se tomaba esta.",
    ),
    "RANKED_BY_MODEL": Told(
        "Ordered by the model[, which gives it {p_outcome} to meet its objective][, worth {value}][, in tier {tier}]."
        + _WEIGHTS.en,
        "Ordenado por el modelo[, que le da un {p_outcome} de cumplir su objetivo][, con valor {value}]"
        "[, en el nivel {tier}]." + _WEIGHTS.es,
    ),
    "RANKED_BY_PRIOR": Told(
        "Ordered by what its owner expects[: {p_outcome} to meet its objective][, worth {value}][, in tier {tier}]."
        + _WEIGHTS.en,
        "Ordenado por lo que espera su responsable[: un {p_outcome} de cumplir su objetivo][, con valor {value}]"
        "[, en el nivel {tier}]." + _WEIGHTS.es,
    ),
    "NO_SLOT_LEFT": Told(
        "Allowed, but better placed journeys filled every slot.",
        "Permitido, pero otros journeys mejor situados ocuparon todos los huecos.",
    ),
    "NOTHING_MORE_ALLOWED": Told(
        "Nothing more may be shown[: {rejected:journey is|journeys are} withheld].",
        "No se puede mostrar nada más[: {rejected:journey retenido|journeys retenidos}].",
    ),
    "NO_CANDIDATE": Told(
        "No journey has anything to show[ {channel}].",
        "Ningún journey tiene nada que mostrar[ {channel}].",
    ),
}
"""By reason code."""

_EFFECTS: Mapping[str, Told] = {
    "GATES_CLOSED": Told(
        "{what} is {status}: journeys that need it are withheld.",
        "{what} está {status}: se retienen los journeys que lo necesitan.",
    ),
    "CONDITIONS_UNKNOWN": Told(
        "{what} is {status}: journeys whose audience needs it are withheld.",
        "{what} está {status}: se retienen los journeys cuya audiencia lo necesita.",
    ),
    "RANKED_BY_PRIOR": Told(
        "{what} is {status}: journeys are ordered by tier and by what their owners expect.",
        "{what} está {status}: los journeys se ordenan por nivel y por lo que esperan sus responsables.",
    ),
}
_STATUSES: Mapping[str, Told] = {
    "NULL": Told("empty", "sin valor"),
    "NOT_FOUND": Told("not on record", "sin registro"),
    "STALE": Told("too old", "sin actualizar"),
    "UNAVAILABLE": Told("unavailable", "sin servicio"),
}

_UNKNOWN = Told("Withheld because we cannot tell {whether}", "Se retiene porque no se puede saber {whether}")
_WHETHER: Mapping[str, Told] = {
    "INCIDENT_OPEN": Told("whether an incident is open", "si hay una incidencia abierta"),
    "CONSENT_MISSING": Told("whether the customer consents", "si el cliente da su consentimiento"),
    "AUDIENCE": Told("whether the customer is in the audience", "si el cliente está en la audiencia"),
}
_BECAUSE: Mapping[str, Told] = {
    "NULL": Told("[: “{fact}” is empty]", "[: el dato «{fact}» está vacío]"),
    "NOT_FOUND": Told("[: there is no record of “{fact}”]", "[: no consta el dato «{fact}»]"),
    "STALE": Told("[: what is known of “{fact}” is too old]", "[: el dato «{fact}» es demasiado antiguo]"),
    "UNAVAILABLE": Told("[: “{fact}” could not be read]", "[: no se pudo consultar el dato «{fact}»]"),
    "NOT_SAID": Told("[: the request does not say “{fact}”]", "[: la petición no indica «{fact}»]"),
    "ERROR": Told("[: its condition “{condition}” failed]", "[: falló su condición «{condition}»]"),
}

_NAMES: Mapping[str, Mapping[str, Told]] = {
    "kind": {
        "promotional": Told("promotional", "promocionales"),
        "service": Told("service", "de servicio"),
        "resolution": Told("resolution", "de resolución"),
        "onboarding": Told("onboarding", "de bienvenida"),
        "feedback": Told("feedback", "de opinión"),
        "loyalty": Told("loyalty", "de fidelización"),
        "celebration": Told("celebration", "de celebración"),
    },
    "purpose": {
        "marketing": Told("marketing", "marketing"),
        "research": Told("research", "estudios"),
        "loyalty": Told("loyalty", "fidelización"),
        "service": Told("service", "servicio"),
    },
    "channel": {
        "email": Told("by email", "por correo electrónico"),
        "web": Told("on the web", "en la web"),
        "app": Told("in the app", "en la app"),
        "sms": Told("by SMS", "por SMS"),
        "push": Told("by push notification", "por notificación push"),
        "call_center": Told("at the call centre", "en el centro de atención"),
        "store": Told("in the store", "en la tienda"),
    },
    "fact": {
        "incidents": Told("incidents", "incidencias"),
        "consents": Told("consents", "consentimientos"),
        "customer.is_known": Told("known customer", "cliente conocido"),
        "situation.has_open_incident": Told("open incidents", "incidencias abiertas"),
        "situation.open_incident_classes": Told("classes of open incidents", "clases de incidencias abiertas"),
        "situation.last_incident_resolved_at": Told("last incident resolved", "última incidencia resuelta"),
    },
}
"""Values that have a name of their own, by parameter; others stand as they are."""

_SAYS_NOTHING: Mapping[str, Scalar] = {"open_incidents": 1, "rejected": 0, "context_weight": 1.0, "lever": 1.0}
_UNITS = (
    (86400, Told("day|days", "día|días")),
    (3600, Told("hour|hours", "hora|horas")),
    (60, Told("minute|minutes", "minuto|minutos")),
    (1, Told("second|seconds", "segundo|segundos")),
)
_OPTIONAL = re.compile(r"\[([^]]*)]")
_FIELD = re.compile(r"{(\w+)")


def text(reason: Reason, locale: str) -> str:
    """The reason in the language of `locale` ("es", "es-ES", "en-US"…), English for any other. Never raises."""
    language = language_of(locale)
    if reason.kind is ReasonKind.UNKNOWN and reason.code in _WHETHER:
        return _unknown(reason, language)
    told = TEXTS.get(reason.code, Told(f"Reason: {reason.code}.", f"Motivo: {reason.code}."))
    return _fill(told.by(language), _shown(reason, language))


def effect_text(degraded: Degraded, locale: str) -> str:
    """What a degradation did to the answer, in the language of `locale`."""
    language = language_of(locale)
    told = _EFFECTS.get(degraded.effect)
    if told is None:
        return degraded.effect
    status = _STATUSES.get(degraded.status.value)
    return told.by(language).format(
        what=degraded.what, status=degraded.status.value if status is None else status.by(language)
    )


def language_of(locale: str) -> Language:
    """The language of a BCP 47 or POSIX locale; English unless it is Spanish."""
    is_spanish = re.split(r"[-_.]", locale.strip().lower())[0] == Language.ES
    return Language.ES if is_spanish else Language.EN


class _Shown(str):
    """A value as people read it. Formatted with `one|many`, it is a number with its noun."""

    __slots__ = ()

    def __format__(self, nouns: str) -> str:
        one, _, many = nouns.partition("|")
        return f"{self!s} {one if self == '1' else many}" if nouns else str(self)


def _fill(template: str, shown: Mapping[str, _Shown]) -> str:
    """The template with every optional part whose values are all known."""

    def part(match: re.Match[str]) -> str:
        is_known = all(field in shown for field in _FIELD.findall(match[1]))
        return match[1].format_map(shown) if is_known else ""

    return _OPTIONAL.sub(part, template)


def _unknown(reason: Reason, language: Language) -> str:
    status, fact = str(reason.params.get("status")), str(reason.params.get("fact"))
    if status == "NOT_FOUND" and (fact.startswith("context.") or fact == "placement"):
        status = "NOT_SAID"
    because = _BECAUSE.get(status, Told("", "")).by(language)
    whether = _WHETHER[reason.code].by(language)
    return _UNKNOWN.by(language).format(whether=whether) + _fill(because, _shown(reason, language)) + "."


def _shown(reason: Reason, language: Language) -> dict[str, _Shown]:
    """The parameters as people read them, without those that say nothing."""
    params = {k: v for k, v in reason.params.items() if v != "" and _SAYS_NOTHING.get(k) != v}
    shown = {name: _Shown(_value(name, value, language)) for name, value in params.items()}
    if reason.eligible_after is not None:
        shown["eligible_after"] = _Shown(_instant(reason.eligible_after + timedelta(seconds=59, microseconds=999_999)))
    if reason.code == "AUDIENCE" and (observed := _observed(params)):
        shown["observed"] = _Shown(observed)
    return shown


def _value(name: str, value: Scalar, language: Language) -> str:
    named = _NAMES.get(name, {}).get(str(value))
    if named is not None:
        return named.by(language)
    if name == "channel":
        return f"({value})"
    if name == "per_s" and isinstance(value, int):
        return _duration(value, language)
    if not isinstance(value, float):
        return _plain(value)
    plain = f"{value * 100:.3g}%" if name == "p_outcome" else _number(value)
    return plain if language is Language.EN else plain.replace(".", ",").replace("%", " %")


def _observed(params: Mapping[str, Scalar]) -> str:
    """What the condition saw, as a condition would write it."""
    own = ("condition", "fact", "status")
    return ", ".join(f"{name} = {_plain(value)}" for name, value in params.items() if name not in own)


def _plain(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return _instant(value)
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    """Two decimals at most, none from 1,000 on; two digits of what is smaller than that."""
    if not math.isfinite(value) or (value != 0 and abs(value) < 0.01):
        return f"{value:.2g}"
    rounded = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if rounded == "-0" else rounded


def _instant(at: datetime) -> str:
    utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M} UTC"


def _duration(seconds: int, language: Language) -> str:
    """In the largest unit that is exact."""
    size, nouns = next((size, nouns) for size, nouns in _UNITS if seconds % size == 0)
    return format(_Shown(seconds // size), nouns.by(language))

"""The words of every reason and degraded effect, in English and Spanish; `service.texts.fill` fills them in.

A part in brackets is left out when one of its values is not known, or says nothing. `{n:contact|contacts}` is a number
with its noun.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from features.values import Scalar


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
    "[: {contacts:contact|contacts} within {per}, at most {at_most}]",
    "[: {contacts:contacto|contactos} en {per}, {at_most} como máximo]",
)
_AGAIN = Told("[ Possible again after {eligible_after}.]", "[ Será posible después del {eligible_after}.]")

DENIALS: Mapping[str, Told] = {
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
    "POLICY_<ID>": Told(
        "A policy of the company withholds it[: it requires “{condition}”][; observed: {observed}].",
        "Una política de la empresa lo retiene[: exige «{condition}»][; observado: {observed}].",
    ),
    "CONTACT_CAP": Told(
        f"This journey has reached its limit of contacts{_COUNTED.en}.{_AGAIN.en}",
        f"Este journey ha alcanzado su límite de contactos{_COUNTED.es}.{_AGAIN.es}",
    ),
    "PRESSURE_CAP": Told(
        f"The customer has been contacted often enough{_COUNTED.en}[ (limit “{{cap}}”)].{_AGAIN.en}",
        f"Ya se ha contactado lo suficiente con el cliente{_COUNTED.es}[ (límite «{{cap}}»)].{_AGAIN.es}",
    ),
    "COOLDOWN": Told(
        f"This journey rests[ after {{after}} of “{{journey}}”].{_AGAIN.en}",
        f"Este journey descansa[ tras {{after}} de «{{journey}}»].{_AGAIN.es}",
    ),
    "QUIET_HOURS": Told(
        f"This is quiet time for the customer[: it is {{local_time}} in {{zone}}][ (rule “{{quiet}}”)].{_AGAIN.en}",
        f"Es tiempo de silencio para el cliente[: son las {{local_time}} en {{zone}}][ (regla «{{quiet}}»)]."
        f"{_AGAIN.es}",
    ),
    "CAPACITY": Told(
        f"No place is left[ in “{{pool}}”][: {{used}} of {{limit}} are taken][, this needs {{needs}}].{_AGAIN.en}",
        f"No queda sitio[ en «{{pool}}»][: {{used}} de {{limit}} ocupados][, esto necesita {{needs}}].{_AGAIN.es}",
    ),
    "BUDGET": Told(
        f"The budget[ “{{pool}}”] does not cover it[: {{used}} of {{limit}} are spent][, this costs {{needs}}]."
        f"{_AGAIN.en}",
        f"El presupuesto[ «{{pool}}»] no lo cubre[: gastado {{used}} de {{limit}}][, esto cuesta {{needs}}]."
        f"{_AGAIN.es}",
    ),
    "NEVER_WITH": Told(
        f"It never goes together with another journey[: “{{other}}”, {{state}}].{_AGAIN.en}",
        f"Nunca va junto con otro journey[: «{{other}}», {{state}}].{_AGAIN.es}",
    ),
    "NEVER_AFTER": Told(
        f"It never comes soon after another journey[: “{{other}}” was shown on {{presented_at}}]"
        f"[, and {{within_s}} must pass].{_AGAIN.en}",
        f"Nunca llega poco después de otro journey[: «{{other}}» se mostró el {{presented_at}}]"
        f"[, y deben pasar {{within_s}}].{_AGAIN.es}",
    ),
    "IN_FLIGHT": Told(
        f"The customer is in as many journeys[ ({{kind}})] as may be at once[: {{in_flight}}, at most {{at_most}}]."
        f"{_AGAIN.en}",
        f"El cliente ya está en todos los journeys[ {{kind}}] que puede haber a la vez"
        f"[: {{in_flight}}, {{at_most}} como máximo].{_AGAIN.es}",
    ),
    "STAGE": Told(
        "It has nothing here for the customer's stage[: {enrolled} at {stage}, this is for {offered_at}]"
        "[; this journey has no stage of {gone} any more].",
        "No tiene nada aquí para la etapa del cliente[: {enrolled} en {stage}, y esto es para {offered_at}]"
        "[; este journey ya no tiene la etapa de {gone}].",
    ),
    "KILLED": Told(
        "It has been stopped[: “{target}”][, because: {why}].",
        "Se ha parado[: «{target}»][, porque: {why}].",
    ),
    "NOT_VALID_NOW": Told(
        "This journey is not running now[: it ended on {valid_until}][: it starts on {valid_from}].",
        "Este journey no está vigente ahora[: terminó el {valid_until}][: empieza el {valid_from}].",
    ),
}
"""By the code of the constraint that denies."""

TEXTS: Mapping[str, Told] = {
    **DENIALS,
    "TAKEN_MEANWHILE": Told(
        "Another decision took the last of it while this one was being made.",
        "Otra decisión ocupó lo último que quedaba mientras se tomaba esta.",
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
    "DISPLACES": Told(
        "It takes the place of another journey[: “{other}” ends once this one is shown].",
        "Ocupa el lugar de otro journey[: «{other}» termina cuando este se muestre].",
    ),
    "TONE_CHOSEN": Told(
        "Its tone follows the moment[: “{tone}”][, because of “{condition}”].",
        "Su tono sigue al momento[: «{tone}»][, por «{condition}»].",
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

IN_GRACE = Told(
    "An incident was resolved only a short while ago[; {kind} journeys are withheld until {grace_until}].",
    "Se acaba de resolver una incidencia[; hasta el {grace_until} no se muestran journeys {kind}].",
)
"""INCIDENT_OPEN, once it is over."""

ALL_THE_SAME = Told("May be shown all the same. ", "Se puede mostrar de todos modos. ")
"""Before a denial that a journey may pass."""

EFFECTS: Mapping[str, Told] = {
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
    "UNRECORDED": Told(
        "The state store is {status}: nothing is reserved or recorded, and journeys that need what it holds are "
        "withheld. The kill list is as it was last read, withdrawals are as the feature store has them.",
        "El almacén de estado está {status}: nada se reserva ni se registra, y se retienen los journeys que necesitan "
        "lo que guarda. La lista de paradas es la última leída; las retiradas de consentimiento, las del almacén de "
        "features.",
    ),
}
STATUSES: Mapping[str, Told] = {
    "NULL": Told("empty", "sin valor"),
    "NOT_FOUND": Told("not on record", "sin registro"),
    "STALE": Told("too old", "sin actualizar"),
    "UNAVAILABLE": Told("unavailable", "sin servicio"),
}

_STAGES: Mapping[str, Told] = {
    "need": Told("need", "necesidad"),
    "research": Told("research", "investigación"),
    "select": Told("select", "selección"),
    "purchase": Told("purchase", "compra"),
    "receive": Told("receive", "recepción"),
    "use": Told("use", "uso"),
    "maintain": Told("maintain", "mantenimiento"),
    "recommend": Told("recommend", "recomendación"),
}
NAMES: Mapping[str, Mapping[str, Told]] = {
    "stage": _STAGES,
    "offered_at": _STAGES,
    "gone": _STAGES,
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
        "withdrawals": Told("withdrawals of consent", "retiradas de consentimiento"),
        "contacts": Told("contacts", "contactos"),
        "responses": Told("responses", "respuestas"),
        "enrolments": Told("journeys under way", "journeys en curso"),
        "kills": Told("kill list", "lista de paradas"),
        "pools": Told("shared capacity and budgets", "capacidad y presupuestos compartidos"),
        "feeds": Told("feeds", "fuentes"),
        "time_zone": Told("time zone", "zona horaria"),
        "holiday_region": Told("holiday region", "región de festivos"),
        "customer.is_known": Told("known customer", "cliente conocido"),
        "situation.has_open_incident": Told("open incidents", "incidencias abiertas"),
        "situation.open_incident_classes": Told("classes of open incidents", "clases de incidencias abiertas"),
        "situation.last_incident_resolved_at": Told("last incident resolved", "última incidencia resuelta"),
    },
    "per": {
        "day": Told("the same day", "el mismo día"),
        "week": Told("the same week", "la misma semana"),
        "month": Told("the same month", "el mismo mes"),
    },
    "after": {
        "REJECTED": Told("a refusal", "un rechazo"),
        "ACCEPTED": Told("an acceptance", "una aceptación"),
        "CONVERTED": Told("a conversion", "una conversión"),
        "ignored": Told("unanswered contacts", "contactos sin respuesta"),
    },
    "state": {
        "enrolled": Told("in which the customer is", "en el que está el cliente"),
        "reserved": Told("which is reserved", "que está reservado"),
    },
    "enrolled": {
        "True": Told("the customer is", "el cliente está"),
        "False": Told("the customer would begin", "el cliente empezaría"),
    },
}
"""Values that have a name of their own, by parameter; others stand as they are."""

SAYS_NOTHING: Mapping[str, Scalar] = {"open_incidents": 1, "rejected": 0, "context_weight": 1.0, "lever": 1.0}
DURATION_UNITS = (
    (86400, Told("day|days", "día|días")),
    (3600, Told("hour|hours", "hora|horas")),
    (60, Told("minute|minutes", "minuto|minutos")),
    (1, Told("second|seconds", "segundo|segundos")),
)

UNKNOWN = Told("Withheld because we cannot tell {whether}", "Se retiene porque no se puede saber {whether}")
UNKNOWN_AND_PASSED = Told("We cannot tell {whether}", "No se puede saber {whether}")
_IS_REACHED = Told("whether the limit of contacts is reached", "si se ha alcanzado el límite de contactos")
WHETHER: Mapping[str, Told] = {
    "INCIDENT_OPEN": Told("whether an incident is open", "si hay una incidencia abierta"),
    "CONSENT_MISSING": Told("whether the customer consents", "si el cliente da su consentimiento"),
    "AUDIENCE": Told("whether the customer is in the audience", "si el cliente está en la audiencia"),
    "POLICY_<ID>": Told("whether a policy of the company is met", "si se cumple una política de la empresa"),
    "QUIET_HOURS": Told("whether this is quiet time for the customer", "si es tiempo de silencio para el cliente"),
    "CONTACT_CAP": _IS_REACHED,
    "PRESSURE_CAP": _IS_REACHED,
    "KILLED": Told("whether it has been stopped", "si se ha parado"),
    "STAGE": Told("at which stage the customer is", "en qué etapa está el cliente"),
    "COOLDOWN": Told("whether this journey rests", "si este journey descansa"),
    "NEVER_WITH": Told(
        "whether the customer is in a journey that it never goes with",
        "si el cliente está en un journey con el que nunca va",
    ),
    "NEVER_AFTER": Told(
        "whether a journey that it never comes after was shown", "si se mostró un journey tras el que nunca llega"
    ),
    "IN_FLIGHT": Told("in how many journeys the customer is", "en cuántos journeys está el cliente"),
    "CAPACITY": Told("whether a place is left", "si queda sitio"),
    "BUDGET": Told("whether the budget covers it", "si el presupuesto lo cubre"),
}
"""By the code of a constraint that may lack a fact."""

BECAUSE: Mapping[str, Told] = {
    "NULL": Told("[: “{fact}” is empty]", "[: el dato «{fact}» está vacío]"),
    "NOT_FOUND": Told("[: there is no record of “{fact}”]", "[: no consta el dato «{fact}»]"),
    "STALE": Told("[: what is known of “{fact}” is too old]", "[: el dato «{fact}» es demasiado antiguo]"),
    "SILENT": Told("[: nothing has been heard from “{fact}” for too long]", "[: «{fact}» lleva demasiado sin avisar]"),
    "UNAVAILABLE": Told("[: “{fact}” could not be read]", "[: no se pudo consultar el dato «{fact}»]"),
    "NOT_SAID": Told("[: the request does not say “{fact}”]", "[: la petición no indica «{fact}»]"),
    "ERROR": Told("[: its condition “{condition}” failed]", "[: falló su condición «{condition}»]"),
}

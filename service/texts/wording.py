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


class Wording(NamedTuple):
    """One text in both languages."""

    en: str
    es: str

    def by(self, language: Language) -> str:
        return self.es if language is Language.ES else self.en


_WEIGHTS = Wording(
    "[ This moment weighs it by {context_weight}.]"
    "[ The business weighs it by {lever} until {lever_until}: {lever_why}.]",
    "[ Este momento lo pondera por {context_weight}.]"
    "[ El negocio lo pondera por {lever} hasta el {lever_until}: {lever_why}.]",
)
_COUNTED = Wording(
    "[: {contacts:contact|contacts} within {per}, at most {at_most}]",
    "[: {contacts:contacto|contactos} en {per}, {at_most} como máximo]",
)
_AGAIN = Wording("[ Possible again after {eligible_after}.]", "[ Será posible después del {eligible_after}.]")

DENIALS: Mapping[str, Wording] = {
    "INCIDENT_OPEN": Wording(
        "An incident is open[ since {opened_at}][ ({incident_class})][, {open_incidents} in all]"
        "[; {kind} journeys are withheld until it is resolved].",
        "Hay una incidencia abierta[ desde el {opened_at}][ ({incident_class})][, {open_incidents} en total]"
        "[; hasta que se resuelva no se muestran journeys {kind}].",
    ),
    "CONSENT_MISSING": Wording(
        "The customer's consent is missing[ for {purpose}][ {channel}][; it was withdrawn on {withdrawn_at}].",
        "Falta el consentimiento del cliente[ para {purpose}][ {channel}][; lo retiró el {withdrawn_at}].",
    ),
    "AUDIENCE": Wording(
        "The customer is not in the audience[ “{condition}”][; observed: {observed}].",
        "El cliente no está en la audiencia[ «{condition}»][; observado: {observed}].",
    ),
    "POLICY_<ID>": Wording(
        "A policy of the company withholds it[: it requires “{condition}”][; observed: {observed}].",
        "Una política de la empresa lo retiene[: exige «{condition}»][; observado: {observed}].",
    ),
    "CONTACT_CAP": Wording(
        f"This journey has reached its limit of contacts{_COUNTED.en}.{_AGAIN.en}",
        f"Este journey ha alcanzado su límite de contactos{_COUNTED.es}.{_AGAIN.es}",
    ),
    "PRESSURE_CAP": Wording(
        f"The customer has been contacted often enough{_COUNTED.en}[ (limit “{{cap}}”)].{_AGAIN.en}",
        f"Ya se ha contactado lo suficiente con el cliente{_COUNTED.es}[ (límite «{{cap}}»)].{_AGAIN.es}",
    ),
    "COOLDOWN": Wording(
        f"This journey rests[ after {{after}} of “{{journey}}”].{_AGAIN.en}",
        f"Este journey descansa[ tras {{after}} de «{{journey}}»].{_AGAIN.es}",
    ),
    "QUIET_HOURS": Wording(
        f"This is quiet time for the customer[: it is {{local_time}} in {{zone}}][ (rule “{{quiet}}”)].{_AGAIN.en}",
        f"Es tiempo de silencio para el cliente[: son las {{local_time}} en {{zone}}][ (regla «{{quiet}}»)]."
        f"{_AGAIN.es}",
    ),
    "CAPACITY": Wording(
        f"No place is left[ in “{{pool}}”][: {{used}} of {{limit}} are taken][, this needs {{needs}}].{_AGAIN.en}",
        f"No queda sitio[ en «{{pool}}»][: {{used}} de {{limit}} ocupados][, esto necesita {{needs}}].{_AGAIN.es}",
    ),
    "BUDGET": Wording(
        f"The budget[ “{{pool}}”] does not cover it[: {{used}} of {{limit}} are spent][, this costs {{needs}}]."
        f"{_AGAIN.en}",
        f"El presupuesto[ «{{pool}}»] no lo cubre[: gastado {{used}} de {{limit}}][, esto cuesta {{needs}}]."
        f"{_AGAIN.es}",
    ),
    "NEVER_WITH": Wording(
        f"It never goes together with another journey[: “{{other}}”, {{state}}].{_AGAIN.en}",
        f"Nunca va junto con otro journey[: «{{other}}», {{state}}].{_AGAIN.es}",
    ),
    "NEVER_AFTER": Wording(
        f"It never comes soon after another journey[: “{{other}}” was shown on {{presented_at}}]"
        f"[, and {{within_s}} must pass].{_AGAIN.en}",
        f"Nunca llega poco después de otro journey[: «{{other}}» se mostró el {{presented_at}}]"
        f"[, y deben pasar {{within_s}}].{_AGAIN.es}",
    ),
    "IN_FLIGHT": Wording(
        f"The customer is in as many journeys[ ({{kind}})] as may be at once[: {{in_flight}}, at most {{at_most}}]."
        f"{_AGAIN.en}",
        f"El cliente ya está en todos los journeys[ {{kind}}] que puede haber a la vez"
        f"[: {{in_flight}}, {{at_most}} como máximo].{_AGAIN.es}",
    ),
    "STAGE": Wording(
        "It has nothing here for the customer's stage[: {enrolled} at {stage}, this is for {offered_at}]"
        "[; this journey has no stage of {gone} any more].",
        "No tiene nada aquí para la etapa del cliente[: {enrolled} en {stage}, y esto es para {offered_at}]"
        "[; este journey ya no tiene la etapa de {gone}].",
    ),
    "KILLED": Wording(
        "It has been stopped[: “{target}”][, because: {why}].",
        "Se ha parado[: «{target}»][, porque: {why}].",
    ),
    "NOT_VALID_NOW": Wording(
        "This journey is not running now[: it ended on {valid_until}][: it starts on {valid_from}].",
        "Este journey no está vigente ahora[: terminó el {valid_until}][: empieza el {valid_from}].",
    ),
}
"""By the code of the constraint that denies."""

TEXTS: Mapping[str, Wording] = {
    **DENIALS,
    "TAKEN_MEANWHILE": Wording(
        "Another decision took the last of it while this one was being made.",
        "Otra decisión ocupó lo último que quedaba mientras se tomaba esta.",
    ),
    "RANKED_BY_MODEL": Wording(
        "Ordered by the model[, which gives it {p_outcome} to meet its objective]"
        "[ and {p_if_silent} if it is not shown][ ({ranked_by})]"
        "[, worth {value}][ {value_source}][, in tier {tier}]." + _WEIGHTS.en,
        "Ordenado por el modelo[, que le da un {p_outcome} de cumplir su objetivo]"
        "[ y un {p_if_silent} si no se muestra][ ({ranked_by})][, con valor {value}][ {value_source}]"
        "[, en el nivel {tier}]." + _WEIGHTS.es,
    ),
    "RANKED_BY_PRIOR": Wording(
        "Ordered by what its owner expects[: {p_outcome} to meet its objective]"
        "[ and {p_if_silent} if it is not shown][ ({ranked_by})]"
        "[, worth {value}][ {value_source}][, in tier {tier}]." + _WEIGHTS.en,
        "Ordenado por lo que espera su responsable[: un {p_outcome} de cumplir su objetivo]"
        "[ y un {p_if_silent} si no se muestra][ ({ranked_by})][, con valor {value}][ {value_source}]"
        "[, en el nivel {tier}]." + _WEIGHTS.es,
    ),
    "DISPLACES": Wording(
        "It takes the place of another journey[: “{other}” ends once this one is shown].",
        "Ocupa el lugar de otro journey[: «{other}» termina cuando este se muestre].",
    ),
    "TONE_CHOSEN": Wording(
        "Its tone follows the moment[: “{tone}”][, because of “{condition}”].",
        "Su tono sigue al momento[: «{tone}»][, por «{condition}»].",
    ),
    "NO_SLOT_LEFT": Wording(
        "Allowed, but better placed journeys filled every slot.",
        "Permitido, pero otros journeys mejor situados ocuparon todos los huecos.",
    ),
    "NOTHING_MORE_ALLOWED": Wording(
        "Nothing more may be shown[: {rejected:journey is|journeys are} withheld].",
        "No se puede mostrar nada más[: {rejected:journey retenido|journeys retenidos}].",
    ),
    "EXPLORED": Wording(
        "Drawn to learn from[, with probability {probability}], rather than what is expected to be best.",
        "Elegido por sorteo para aprender[, con probabilidad {probability}], y no por ser lo que se espera mejor.",
    ),
    "HOLDOUT": Wording(
        "The customer is one of those who are shown nothing but help, to measure what the rest is worth.",
        "El cliente es de los que solo ven ayuda, para medir cuánto vale lo demás.",
    ),
    "SILENCE_IS_WORTH_MORE": Wording(
        "Saying nothing is worth more[: the best has a priority of {priority}, and it takes more than {bar}].",
        "Vale más no decir nada[: lo mejor tiene una prioridad de {priority}, y hace falta más de {bar}].",
    ),
    "NO_CANDIDATE": Wording(
        "No journey has anything to show[ {channel}].",
        "Ningún journey tiene nada que mostrar[ {channel}].",
    ),
}
"""By reason code."""

IN_GRACE = Wording(
    "An incident was resolved only a short while ago[; {kind} journeys are withheld until {grace_until}].",
    "Se acaba de resolver una incidencia[; hasta el {grace_until} no se muestran journeys {kind}].",
)
"""INCIDENT_OPEN, once it is over."""

ALL_THE_SAME = Wording("May be shown all the same. ", "Se puede mostrar de todos modos. ")
"""Before a denial that a journey may pass."""

EFFECTS: Mapping[str, Wording] = {
    "GATES_CLOSED": Wording(
        "{what} is {status}: journeys that need it are withheld.",
        "{what} está {status}: se retienen los journeys que lo necesitan.",
    ),
    "CONDITIONS_UNKNOWN": Wording(
        "{what} is {status}: journeys whose audience needs it are withheld.",
        "{what} está {status}: se retienen los journeys cuya audiencia lo necesita.",
    ),
    "RANKED_BY_PRIOR": Wording(
        "{what} is {status}: journeys are ordered by tier and by what their owners expect.",
        "{what} está {status}: los journeys se ordenan por nivel y por lo que esperan sus responsables.",
    ),
    "RANKED_BY_CHAMPION": Wording(
        "{what} is {status}: who would be decided for by it is decided for by the champion.",
        "{what} está {status}: a quienes les tocaría, les decide el modelo campeón.",
    ),
    "UNRECORDED": Wording(
        "The state store is {status}: nothing is reserved or recorded, and journeys that need what it holds are "
        "withheld. The kill list is as it was last read, withdrawals are as the feature store has them.",
        "El almacén de estado está {status}: nada se reserva ni se registra, y se retienen los journeys que necesitan "
        "lo que guarda. La lista de paradas es la última leída; las retiradas de consentimiento, las del almacén de "
        "features.",
    ),
}
STATUSES: Mapping[str, Wording] = {
    "NULL": Wording("empty", "sin valor"),
    "NOT_FOUND": Wording("not on record", "sin registro"),
    "STALE": Wording("too old", "sin actualizar"),
    "UNAVAILABLE": Wording("unavailable", "sin servicio"),
}

_STAGES: Mapping[str, Wording] = {
    "need": Wording("need", "necesidad"),
    "research": Wording("research", "investigación"),
    "select": Wording("select", "selección"),
    "purchase": Wording("purchase", "compra"),
    "receive": Wording("receive", "recepción"),
    "use": Wording("use", "uso"),
    "maintain": Wording("maintain", "mantenimiento"),
    "recommend": Wording("recommend", "recomendación"),
}
NAMES: Mapping[str, Mapping[str, Wording]] = {
    "stage": _STAGES,
    "offered_at": _STAGES,
    "gone": _STAGES,
    "kind": {
        "promotional": Wording("promotional", "promocionales"),
        "service": Wording("service", "de servicio"),
        "resolution": Wording("resolution", "de resolución"),
        "onboarding": Wording("onboarding", "de bienvenida"),
        "feedback": Wording("feedback", "de opinión"),
        "loyalty": Wording("loyalty", "de fidelización"),
        "celebration": Wording("celebration", "de celebración"),
    },
    "purpose": {
        "marketing": Wording("marketing", "marketing"),
        "research": Wording("research", "estudios"),
        "loyalty": Wording("loyalty", "fidelización"),
        "service": Wording("service", "servicio"),
    },
    "channel": {
        "email": Wording("by email", "por correo electrónico"),
        "web": Wording("on the web", "en la web"),
        "app": Wording("in the app", "en la app"),
        "sms": Wording("by SMS", "por SMS"),
        "push": Wording("by push notification", "por notificación push"),
        "call_center": Wording("at the call centre", "en el centro de atención"),
        "store": Wording("in the store", "en la tienda"),
    },
    "fact": {
        "incidents": Wording("incidents", "incidencias"),
        "consents": Wording("consents", "consentimientos"),
        "withdrawals": Wording("withdrawals of consent", "retiradas de consentimiento"),
        "contacts": Wording("contacts", "contactos"),
        "responses": Wording("responses", "respuestas"),
        "enrolments": Wording("journeys under way", "journeys en curso"),
        "kills": Wording("kill list", "lista de paradas"),
        "pools": Wording("shared capacity and budgets", "capacidad y presupuestos compartidos"),
        "feeds": Wording("feeds", "fuentes"),
        "time_zone": Wording("time zone", "zona horaria"),
        "holiday_region": Wording("holiday region", "región de festivos"),
        "customer.is_known": Wording("known customer", "cliente conocido"),
        "situation.has_open_incident": Wording("open incidents", "incidencias abiertas"),
        "situation.open_incident_classes": Wording("classes of open incidents", "clases de incidencias abiertas"),
        "situation.last_incident_resolved_at": Wording("last incident resolved", "última incidencia resuelta"),
    },
    "per": {
        "day": Wording("the same day", "el mismo día"),
        "week": Wording("the same week", "la misma semana"),
        "month": Wording("the same month", "el mismo mes"),
    },
    "after": {
        "REJECTED": Wording("a refusal", "un rechazo"),
        "ACCEPTED": Wording("an acceptance", "una aceptación"),
        "CONVERTED": Wording("a conversion", "una conversión"),
        "ignored": Wording("unanswered contacts", "contactos sin respuesta"),
    },
    "value_source": {
        "MODEL": Wording("to this customer", "para este cliente"),
        "PRIOR": Wording("until a model tells what it is to whom", "mientras ningún modelo diga cuánto para quién"),
    },
    "ranked_by": {
        "UPLIFT": Wording("the difference counts", "cuenta la diferencia"),
        "OUTCOME": Wording(
            "no model tells yet what comes of saying nothing", "ningún modelo dice aún qué pasa si no se dice nada"
        ),
    },
    "state": {
        "enrolled": Wording("in which the customer is", "en el que está el cliente"),
        "reserved": Wording("which is reserved", "que está reservado"),
    },
    "enrolled": {
        "True": Wording("the customer is", "el cliente está"),
        "False": Wording("the customer would begin", "el cliente empezaría"),
    },
}
"""Values that have a name of their own, by parameter; others stand as they are."""

SAYS_NOTHING: Mapping[str, Scalar] = {"open_incidents": 1, "rejected": 0, "context_weight": 1.0, "lever": 1.0}
DURATION_UNITS = (
    (86400, Wording("day|days", "día|días")),
    (3600, Wording("hour|hours", "hora|horas")),
    (60, Wording("minute|minutes", "minuto|minutos")),
    (1, Wording("second|seconds", "segundo|segundos")),
)

UNKNOWN = Wording("Withheld because we cannot tell {whether}", "Se retiene porque no se puede saber {whether}")
UNKNOWN_AND_PASSED = Wording("We cannot tell {whether}", "No se puede saber {whether}")
_IS_REACHED = Wording("whether the limit of contacts is reached", "si se ha alcanzado el límite de contactos")
WHETHER: Mapping[str, Wording] = {
    "INCIDENT_OPEN": Wording("whether an incident is open", "si hay una incidencia abierta"),
    "CONSENT_MISSING": Wording("whether the customer consents", "si el cliente da su consentimiento"),
    "AUDIENCE": Wording("whether the customer is in the audience", "si el cliente está en la audiencia"),
    "POLICY_<ID>": Wording("whether a policy of the company is met", "si se cumple una política de la empresa"),
    "QUIET_HOURS": Wording("whether this is quiet time for the customer", "si es tiempo de silencio para el cliente"),
    "CONTACT_CAP": _IS_REACHED,
    "PRESSURE_CAP": _IS_REACHED,
    "KILLED": Wording("whether it has been stopped", "si se ha parado"),
    "STAGE": Wording("at which stage the customer is", "en qué etapa está el cliente"),
    "COOLDOWN": Wording("whether this journey rests", "si este journey descansa"),
    "NEVER_WITH": Wording(
        "whether the customer is in a journey that it never goes with",
        "si el cliente está en un journey con el que nunca va",
    ),
    "NEVER_AFTER": Wording(
        "whether a journey that it never comes after was shown", "si se mostró un journey tras el que nunca llega"
    ),
    "IN_FLIGHT": Wording("in how many journeys the customer is", "en cuántos journeys está el cliente"),
    "CAPACITY": Wording("whether a place is left", "si queda sitio"),
    "BUDGET": Wording("whether the budget covers it", "si el presupuesto lo cubre"),
}
"""By the code of a constraint that may lack a fact."""

BECAUSE: Mapping[str, Wording] = {
    "NULL": Wording("[: “{fact}” is empty]", "[: el dato «{fact}» está vacío]"),
    "NOT_FOUND": Wording("[: there is no record of “{fact}”]", "[: no consta el dato «{fact}»]"),
    "STALE": Wording("[: what is known of “{fact}” is too old]", "[: el dato «{fact}» es demasiado antiguo]"),
    "SILENT": Wording(
        "[: nothing has been heard from “{fact}” for too long]", "[: «{fact}» lleva demasiado sin avisar]"
    ),
    "UNAVAILABLE": Wording("[: “{fact}” could not be read]", "[: no se pudo consultar el dato «{fact}»]"),
    "NOT_SAID": Wording("[: the request does not say “{fact}”]", "[: la petición no indica «{fact}»]"),
    "ERROR": Wording("[: its condition “{condition}” failed]", "[: falló su condición «{condition}»]"),
}

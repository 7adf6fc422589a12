"""The words of a rule that misses a fact: what cannot be told, and why."""

from __future__ import annotations

from collections.abc import Mapping

from service.wording import Told

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

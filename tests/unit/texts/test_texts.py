"""Texts for people: every code, both languages, and never an exception."""

from __future__ import annotations

from datetime import UTC, datetime
from string import Formatter

import pytest

from features.values import FeatureStatus, Scalar
from service.decision.constraints.registry import BINDERS
from service.decision.decide import Degradation
from service.decision.facts import SituationPart
from service.decision.verdict import Reason, ReasonKind, deny, unknown
from service.texts.fill import effect_text, language_of, text
from service.texts.wording import NAMES, TEXTS, Language

AT = datetime(2017, 12, 3, 5, 0, tzinfo=UTC)
CODES = {
    *BINDERS,
    "TAKEN_MEANWHILE",
    "RANKED_BY_MODEL",
    "RANKED_BY_PRIOR",
    "NO_SLOT_LEFT",
    "NOTHING_MORE_ALLOWED",
    "NO_CANDIDATE",
    "DISPLACES",
    "TONE_CHOSEN",
    "EXPLORED",
    "HOLDOUT",
    "SILENCE_IS_WORTH_MORE",
}
CAP: dict[str, Scalar] = {"cap": "email-week", "at_most": 2, "per": 604_800, "contacts": 2}
RANKED: dict[str, Scalar] = {
    "tier": 4,
    "p_outcome": 0.1234,
    "value": 6.5,
    "cost": 0.05,
    "context_weight": 1.0,
    "lever": 1.0,
}


def reason(code: str, about: ReasonKind = ReasonKind.DENIED, /, **params: Scalar) -> Reason:
    return Reason(code=code, kind=about, params=params)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("es", Language.ES),
        ("es-ES", Language.ES),
        ("es_MX.UTF-8", Language.ES),
        ("ES-419", Language.ES),
        ("en-US", Language.EN),
        ("", Language.EN),
        ("fr-FR", Language.EN),
        ("est", Language.EN),
    ],
)
def test_locale_gives_its_language_and_english_otherwise(locale: str, language: Language) -> None:
    assert language_of(locale) is language


def test_every_code_has_a_text() -> None:
    assert set(TEXTS) == CODES


@pytest.mark.parametrize("locale", ["es", "en"])
@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("kind", list(ReasonKind))
def test_reason_without_params_still_reads_as_a_sentence(code: str, kind: ReasonKind, locale: str) -> None:
    said = text(reason(code, kind), locale)
    assert said[0].isupper()
    assert said.endswith(".")
    assert not set("{}[]") & set(said)


@pytest.mark.parametrize("told", TEXTS.values(), ids=TEXTS)
def test_both_languages_tell_the_same_values(told: tuple[str, str]) -> None:
    in_english, in_spanish = ({field for _, field, _, _ in Formatter().parse(t) if field} for t in told)
    assert in_english == in_spanish


SENTENCES = (
    (
        reason("INCIDENT_OPEN", kind="promotional", incident_class="delivery", opened_at=AT, open_incidents=1),
        "An incident is open since 2017-12-03 05:00 UTC (delivery); promotional journeys are withheld until it is "
        "resolved.",
        "Hay una incidencia abierta desde el 2017-12-03 05:00 UTC (delivery); hasta que se resuelva no se muestran "
        "journeys promocionales.",
    ),
    (
        reason("INCIDENT_OPEN", kind="feedback", incident_class="", opened_at=AT, open_incidents=2),
        "An incident is open since 2017-12-03 05:00 UTC, 2 in all; feedback journeys are withheld until it is "
        "resolved.",
        "Hay una incidencia abierta desde el 2017-12-03 05:00 UTC, 2 en total; hasta que se resuelva no se muestran "
        "journeys de opinión.",
    ),
    (
        reason("CONSENT_MISSING", purpose="research", channel="email"),
        "The customer's consent is missing for research by email.",
        "Falta el consentimiento del cliente para estudios por correo electrónico.",
    ),
    (
        reason("CONSENT_MISSING", purpose="raffles", channel="kiosk", withdrawn_at=AT),
        "The customer's consent is missing for raffles (kiosk); it was withdrawn on 2017-12-03 05:00 UTC.",
        "Falta el consentimiento del cliente para raffles (kiosk); lo retiró el 2017-12-03 05:00 UTC.",
    ),
    (
        Reason(
            code="AUDIENCE",
            kind=ReasonKind.DENIED,
            params={"condition": "a > 30.0", "customer.recency_days": 19.0614, "situation.has_open_incident": False},
        ),
        "The customer is not in the audience “a > 30.0”; observed: customer.recency_days = 19.06, "
        "situation.has_open_incident = false.",
        "El cliente no está en la audiencia «a > 30.0»; observado: customer.recency_days = 19.06, "
        "situation.has_open_incident = false.",
    ),
    (
        deny("CONTACT_CAP", eligible_after=AT, cap="journey", at_most=1, per=604_800, contacts=1),
        "This journey has reached its limit of contacts: 1 contact within 7 days, at most 1. "
        "Possible again after 2017-12-03 05:00 UTC.",
        "Este journey ha alcanzado su límite de contactos: 1 contacto en 7 días, 1 como máximo. "
        "Será posible después del 2017-12-03 05:00 UTC.",
    ),
    (
        reason("PRESSURE_CAP", **CAP),
        "The customer has been contacted often enough: 2 contacts within 7 days, at most 2 (limit “email-week”).",
        "Ya se ha contactado lo suficiente con el cliente: 2 contactos en 7 días, 2 como máximo (límite «email-week»).",
    ),
    (
        reason("NOT_VALID_NOW", valid_from=AT),
        "This journey is not running now: it starts on 2017-12-03 05:00 UTC.",
        "Este journey no está vigente ahora: empieza el 2017-12-03 05:00 UTC.",
    ),
    (
        reason("NOT_VALID_NOW", valid_until=AT),
        "This journey is not running now: it ended on 2017-12-03 05:00 UTC.",
        "Este journey no está vigente ahora: terminó el 2017-12-03 05:00 UTC.",
    ),
    (
        reason("RANKED_BY_MODEL", ReasonKind.RANKED, **RANKED),
        "Ordered by the model, which gives it 12.3% to meet its objective, worth 6.5, in tier 4.",
        "Ordenado por el modelo, que le da un 12,3 % de cumplir su objetivo, con valor 6,5, en el nivel 4.",
    ),
    (
        reason("RANKED_BY_MODEL", ReasonKind.RANKED, **{**RANKED, "value": 41.5, "value_source": "MODEL"}),
        "Ordered by the model, which gives it 12.3% to meet its objective, worth 41.5 to this customer, in tier 4.",
        "Ordenado por el modelo, que le da un 12,3 % de cumplir su objetivo, con valor 41,5 para este cliente, en el "
        "nivel 4.",
    ),
    (
        reason("RANKED_BY_PRIOR", ReasonKind.RANKED, **{**RANKED, "value_source": "PRIOR"}),
        "Ordered by what its owner expects: 12.3% to meet its objective, worth 6.5 until a model tells what it is to "
        "whom, in tier 4.",
        "Ordenado por lo que espera su responsable: un 12,3 % de cumplir su objetivo, con valor 6,5 mientras ningún "
        "modelo diga cuánto para quién, en el nivel 4.",
    ),
    (
        reason(
            "RANKED_BY_PRIOR",
            ReasonKind.RANKED,
            **{**RANKED, "p_outcome": 0.1, "context_weight": 1.3, "lever": 1.2, "lever_why": "Christmas"},
            lever_until=AT,
        ),
        "Ordered by what its owner expects: 10% to meet its objective, worth 6.5, in tier 4. This moment weighs it by "
        "1.3. The business weighs it by 1.2 until 2017-12-03 05:00 UTC: Christmas.",
        "Ordenado por lo que espera su responsable: un 10 % de cumplir su objetivo, con valor 6,5, en el nivel 4. Este "
        "momento lo pondera por 1,3. El negocio lo pondera por 1,2 hasta el 2017-12-03 05:00 UTC: Christmas.",
    ),
    (
        reason("NOTHING_MORE_ALLOWED", rejected=1, ranked=2),
        "Nothing more may be shown: 1 journey is withheld.",
        "No se puede mostrar nada más: 1 journey retenido.",
    ),
    (
        reason("NOTHING_MORE_ALLOWED", rejected=0, ranked=2),
        "Nothing more may be shown.",
        "No se puede mostrar nada más.",
    ),
    (
        reason("NO_CANDIDATE", channel="sms"),
        "No journey has anything to show by SMS.",
        "Ningún journey tiene nada que mostrar por SMS.",
    ),
    (reason("BRAND_NEW", x=1), "Reason: BRAND_NEW.", "Motivo: BRAND_NEW."),
    (
        unknown("INCIDENT_OPEN", fact="incidents", status="UNAVAILABLE"),
        "Withheld because we cannot tell whether an incident is open: “incidents” could not be read.",
        "Se retiene porque no se puede saber si hay una incidencia abierta: no se pudo consultar el dato "
        "«incidencias».",
    ),
    (
        unknown("CONSENT_MISSING", fact="consents", status="UNAVAILABLE", purpose="marketing"),
        "Withheld because we cannot tell whether the customer consents: “consents” could not be read.",
        "Se retiene porque no se puede saber si el cliente da su consentimiento: no se pudo consultar el dato "
        "«consentimientos».",
    ),
)


@pytest.mark.parametrize(("given", "in_english", "in_spanish"), SENTENCES, ids=[r.code for r, _, _ in SENTENCES])
def test_values_read_as_people_write_them(given: Reason, in_english: str, in_spanish: str) -> None:
    assert text(given, "en-US") == in_english
    assert text(given, "es-ES") == in_spanish


@pytest.mark.parametrize(
    ("fact", "status", "in_english", "in_spanish"),
    [
        (
            "customer.a",
            "STALE",
            "what is known of “customer.a” is too old",
            "el dato «customer.a» es demasiado antiguo",
        ),
        ("customer.a", "NOT_FOUND", "there is no record of “customer.a”", "no consta el dato «customer.a»"),
        ("customer.a", "UNAVAILABLE", "“customer.a” could not be read", "no se pudo consultar el dato «customer.a»"),
        ("customer.a", "NULL", "“customer.a” is empty", "el dato «customer.a» está vacío"),
        ("context.a", "NOT_FOUND", "the request does not say “context.a”", "la petición no indica «context.a»"),
        (
            "situation.last_incident_resolved_at",
            "NOT_FOUND",
            "there is no record of “last incident resolved”",
            "no consta el dato «última incidencia resuelta»",
        ),
        ("a > 1", "ERROR", "its condition “a > 1” failed", "falló su condición «a > 1»"),
    ],
)
def test_unknown_says_which_fact_is_missing_and_how(fact: str, status: str, in_english: str, in_spanish: str) -> None:
    given = unknown("AUDIENCE", condition="a > 1", fact=fact, status=status)
    assert text(given, "en") == (
        f"Withheld because we cannot tell whether the customer is in the audience: {in_english}."
    )
    assert text(given, "es") == f"Se retiene porque no se puede saber si el cliente está en la audiencia: {in_spanish}."


@pytest.mark.parametrize("fact", SituationPart)
@pytest.mark.parametrize("code", sorted(set(BINDERS) - {"NOT_VALID_NOW", "AUDIENCE", "QUIET_HOURS", "POLICY_<ID>"}))
def test_a_constraint_that_reads_the_situation_says_what_could_not_be_read(code: str, fact: SituationPart) -> None:
    given = unknown(code, fact=fact.value, status="UNAVAILABLE")
    in_english, in_spanish = text(given, "en"), text(given, "es")
    assert in_english.startswith("Withheld because we cannot tell ")
    assert in_english.endswith("” could not be read.")
    assert in_spanish.startswith("Se retiene porque no se puede saber ")
    assert f"no se pudo consultar el dato «{NAMES['fact'][fact.value].es}»" in in_spanish


@pytest.mark.parametrize(
    ("degraded", "in_english", "in_spanish"),
    [
        (
            Degradation(what="features.incidents", status=FeatureStatus.UNAVAILABLE, effect="GATES_CLOSED"),
            "features.incidents is unavailable: journeys that need it are withheld.",
            "features.incidents está sin servicio: se retienen los journeys que lo necesitan.",
        ),
        (
            Degradation(what="features.behaviour", status=FeatureStatus.STALE, effect="CONDITIONS_UNKNOWN"),
            "features.behaviour is too old: journeys whose audience needs it are withheld.",
            "features.behaviour está sin actualizar: se retienen los journeys cuya audiencia lo necesita.",
        ),
        (
            Degradation(what="model", status=FeatureStatus.UNAVAILABLE, effect="RANKED_BY_PRIOR"),
            "model is unavailable: journeys are ordered by tier and by what their owners expect.",
            "model está sin servicio: los journeys se ordenan por nivel y por lo que esperan sus responsables.",
        ),
        (
            Degradation(what="challenger", status=FeatureStatus.UNAVAILABLE, effect="RANKED_BY_CHAMPION"),
            "challenger is unavailable: who would be decided for by it is decided for by the champion.",
            "challenger está sin servicio: a quienes les tocaría, les decide el modelo campeón.",
        ),
        (
            Degradation(what="state", status=FeatureStatus.UNAVAILABLE, effect="UNRECORDED"),
            "The state store is unavailable: nothing is reserved or recorded, and journeys that need what it holds are "
            "withheld. The kill list is as it was last read, withdrawals are as the feature store has them.",
            "El almacén de estado está sin servicio: nada se reserva ni se registra, y se retienen los journeys que "
            "necesitan lo que guarda. La lista de paradas es la última leída; las retiradas de consentimiento, las del "
            "almacén de features.",
        ),
        (Degradation(what="x", status=FeatureStatus.NULL, effect="As it says."), "As it says.", "As it says."),
    ],
    ids=lambda value: value.effect if isinstance(value, Degradation) else "",
)
def test_degraded_effect_is_told(degraded: Degradation, in_english: str, in_spanish: str) -> None:
    assert effect_text(degraded, "en") == in_english
    assert effect_text(degraded, "es") == in_spanish

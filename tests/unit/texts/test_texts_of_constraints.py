"""What people read of each constraint: what was observed, the limit, and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.decision.constraints.registry import BINDERS
from service.decision.verdict import Reason, ReasonKind, deny, unknown
from service.texts.fill import text
from service.texts.wording import DENIALS

AT = datetime(2017, 12, 3, 5, 0, tzinfo=UTC)
OWN = {"POLICY_LEAVE_IN_PEACE": {"es": "Se deja en paz al cliente.", "en": "The customer is left in peace."}}
AGAIN = (" Possible again after 2017-12-03 05:00 UTC.", " Será posible después del 2017-12-03 05:00 UTC.")


def test_every_constraint_has_a_text_in_both_languages() -> None:
    assert set(DENIALS) == set(BINDERS)
    assert all(told.en and told.es and told.en != told.es for told in DENIALS.values())


SENTENCES = (
    (
        deny("COOLDOWN", eligible_after=AT, after="REJECTED", journey="rescue-basket"),
        "This journey rests after a refusal of “rescue-basket”." + AGAIN[0],
        "Este journey descansa tras un rechazo de «rescue-basket»." + AGAIN[1],
    ),
    (
        deny("COOLDOWN", after="ignored", journey="x"),
        "This journey rests after unanswered contacts of “x”.",
        "Este journey descansa tras contactos sin respuesta de «x».",
    ),
    (
        deny("QUIET_HOURS", eligible_after=AT, quiet="night", local_time="23:10", zone="America/New_York"),
        "This is quiet time for the customer: it is 23:10 in America/New_York (rule “night”)." + AGAIN[0],
        "Es tiempo de silencio para el cliente: son las 23:10 en America/New_York (regla «night»)." + AGAIN[1],
    ),
    (
        deny("CAPACITY", pool="capacity:tasting", limit=40.0, used=40.0, needs=1.0),
        "No place is left in “tasting”: 40 of 40 are taken, this needs 1.",
        "No queda sitio en «tasting»: 40 de 40 ocupados, esto necesita 1.",
    ),
    (
        deny("BUDGET", pool="budget:coupons", limit=2500.0, used=2499.99, needs=0.05),
        "The budget “coupons” does not cover it: 2499.99 of 2500 are spent, this costs 0.05.",
        "El presupuesto «coupons» no lo cubre: gastado 2499,99 de 2500, esto cuesta 0,05.",
    ),
    (
        deny("NEVER_WITH", other="make-up", state="enrolled"),
        "It never goes together with another journey: “make-up”, in which the customer is.",
        "Nunca va junto con otro journey: «make-up», en el que está el cliente.",
    ),
    (
        deny("NEVER_WITH", eligible_after=AT, other="make-up", state="reserved"),
        "It never goes together with another journey: “make-up”, which is reserved." + AGAIN[0],
        "Nunca va junto con otro journey: «make-up», que está reservado." + AGAIN[1],
    ),
    (
        deny("NEVER_AFTER", other="apology", presented_at=AT, within_s=604_800),
        "It never comes soon after another journey: “apology” was shown on 2017-12-03 05:00 UTC, and 7 days must pass.",
        "Nunca llega poco después de otro journey: «apology» se mostró el 2017-12-03 05:00 UTC, y deben pasar 7 días.",
    ),
    (
        deny("IN_FLIGHT", kind="promotional", at_most=6, in_flight=6),
        "The customer is in as many journeys (promotional) as may be at once: 6, at most 6.",
        "El cliente ya está en todos los journeys promocionales que puede haber a la vez: 6, 6 como máximo.",
    ),
    (
        deny("STAGE", stage="use", offered_at="select", enrolled=True),
        "It has nothing here for the customer's stage: the customer is at use, this is for select.",
        "No tiene nada aquí para la etapa del cliente: el cliente está en uso, y esto es para selección.",
    ),
    (
        deny("STAGE", stage="use", offered_at="select", enrolled=True, gone="use"),
        "It has nothing here for the customer's stage: the customer is at use, this is for select; this journey has no"
        " stage of use any more.",
        "No tiene nada aquí para la etapa del cliente: el cliente está en uso, y esto es para selección; este journey"
        " ya no tiene la etapa de uso.",
    ),
    (
        deny("STAGE", stage="need", offered_at="purchase", enrolled=False),
        "It has nothing here for the customer's stage: the customer would begin at need, this is for purchase.",
        "No tiene nada aquí para la etapa del cliente: el cliente empezaría en necesidad, y esto es para compra.",
    ),
    (
        deny("KILLED", target="kind:promotional", why="wrong price"),
        "It has been stopped: “kind:promotional”, because: wrong price.",
        "Se ha parado: «kind:promotional», porque: wrong price.",
    ),
    (
        deny("INCIDENT_OPEN", kind="feedback", grace_until=AT),
        "An incident was resolved only a short while ago; feedback journeys are withheld until 2017-12-03 05:00 UTC.",
        "Se acaba de resolver una incidencia; hasta el 2017-12-03 05:00 UTC no se muestran journeys de opinión.",
    ),
    (
        deny("CONTACT_CAP", cap="journey", at_most=2, per="week", contacts=2),
        "This journey has reached its limit of contacts: 2 contacts within the same week, at most 2.",
        "Este journey ha alcanzado su límite de contactos: 2 contactos en la misma semana, 2 como máximo.",
    ),
    (
        Reason(code="POLICY_SOMETHING", kind=ReasonKind.DENIED, params={"condition": "a > 1", "customer.a": 0.5}),
        "A policy of the company withholds it: it requires “a > 1”; observed: customer.a = 0.5.",
        "Una política de la empresa lo retiene: exige «a > 1»; observado: customer.a = 0.5.",
    ),
    (
        deny("POLICY_LEAVE_IN_PEACE", condition="a > 1"),
        OWN["POLICY_LEAVE_IN_PEACE"]["en"],
        "Se deja en paz al cliente.",
    ),
    (
        unknown("POLICY_LEAVE_IN_PEACE", condition="a > 1", fact="customer.a", status="STALE"),
        "Withheld because we cannot tell whether a policy of the company is met: what is known of “customer.a” is too "
        "old.",
        "Se retiene porque no se puede saber si se cumple una política de la empresa: el dato «customer.a» es "
        "demasiado antiguo.",
    ),
    (
        unknown("QUIET_HOURS", quiet="night", fact="time_zone", status="NOT_FOUND"),
        "Withheld because we cannot tell whether this is quiet time for the customer: there is no record of “time "
        "zone”.",
        "Se retiene porque no se puede saber si es tiempo de silencio para el cliente: no consta el dato «zona "
        "horaria».",
    ),
    (
        unknown("PRESSURE_CAP", cap="ringing-day", fact="time_zone", status="UNAVAILABLE"),
        "Withheld because we cannot tell whether the limit of contacts is reached: “time zone” could not be read.",
        "Se retiene porque no se puede saber si se ha alcanzado el límite de contactos: no se pudo consultar el dato "
        "«zona horaria».",
    ),
    (
        unknown("CONSENT_MISSING", fact="feed.crm", status="STALE", purpose="marketing"),
        "Withheld because we cannot tell whether the customer consents: nothing has been heard from “crm” for too "
        "long.",
        "Se retiene porque no se puede saber si el cliente da su consentimiento: «crm» lleva demasiado sin avisar.",
    ),
    (
        Reason(code="DISPLACES", kind=ReasonKind.RANKED, params={"other": "soap-club"}),
        "It takes the place of another journey: “soap-club” ends once this one is shown.",
        "Ocupa el lugar de otro journey: «soap-club» termina cuando este se muestre.",
    ),
    (
        Reason(code="TONE_CHOSEN", kind=ReasonKind.TONE, params={"tone": "empathetic", "condition": "a > 1"}),
        "Its tone follows the moment: “empathetic”, because of “a > 1”.",
        "Su tono sigue al momento: «empathetic», por «a > 1».",
    ),
    (
        Reason(code="QUIET_HOURS", kind=ReasonKind.BYPASS, params={"quiet": "night", "local_time": "03:00"}),
        "May be shown all the same. This is quiet time for the customer (rule “night”).",
        "Se puede mostrar de todos modos. Es tiempo de silencio para el cliente (regla «night»).",
    ),
    (
        Reason(code="QUIET_HOURS", kind=ReasonKind.BYPASS, params={"fact": "time_zone", "status": "UNAVAILABLE"}),
        "May be shown all the same. We cannot tell whether this is quiet time for the customer: "
        "“time zone” could not be read.",
        "Se puede mostrar de todos modos. No se puede saber si es tiempo de silencio para el "
        "cliente: no se pudo consultar el dato «zona horaria».",
    ),
)


@pytest.mark.parametrize(("given", "in_english", "in_spanish"), SENTENCES, ids=[r.code for r, _, _ in SENTENCES])
def test_each_constraint_tells_what_it_saw(given: Reason, in_english: str, in_spanish: str) -> None:
    assert text(given, "en", OWN) == in_english
    assert text(given, "es", OWN) == in_spanish

"""A record as it is stored: the document of `record`, with what is long in it laid out by position.

    [features, contacts, responses, settled, scores, rest of the input, output]

It is made from the decision at once, for a document would be built to be taken apart again. Times and words stand as
what they are, for the writer writes them as a document has them; numbers that are not finite go by name, as there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from features.values import FeatureStatus, FeatureValue
from service.decision.arbitrate import Score, ScoreSource
from service.decision.decide import Decision
from service.decision.facts import Contact
from service.decision.facts_record import (
    Json,
    from_iso,
    in_utc,
    moment_document,
    recorded_value,
    rest_of_contact,
    standing_document,
    time_text,
    uses_document,
)
from service.decision.record import FORMAT, output, terms_document, told_score

Packed = list[Any]
_CONTACT = attrgetter(
    "decision_id", "journey_id", "kind", "channel", "at", "counts_until", "reserved_until", "is_presented", "cost",
    "decided_at", "presented_at", "displaces",
)  # fmt: skip
_RESPONSE = attrgetter("decision_id", "journey_id", "type", "at")
_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
_UTC = "+00:00"


def packed(decision: Decision) -> Packed:
    """What `document_of` gives the record from."""
    facts, settled = decision.facts_as_read, decision.settled
    situation = facts.situation
    rest = {**moment_document(facts, in_utc), **terms_document(decision)}
    return [
        _features(list(facts.features.values())),
        _contacts(situation.contacts),
        list(map(_RESPONSE, situation.responses)),
        None if settled is None else [_contacts(settled.contacts), uses_document(settled.uses, in_utc)],
        _scores(decision.scores),
        {**rest, "situation": standing_document(situation, in_utc)},
        output(decision, in_utc),
    ]


def document_of(packed: Packed) -> Json:
    """The document that was packed, once its text was read again."""
    features, contacts, responses, settled, scores, rest, decided = packed
    situation = {**rest["situation"], "contacts": _contact_rows(contacts), "responses": _response_rows(responses)}
    given = {
        **rest,
        "features": _feature_rows(*features),
        "situation": situation,
        "settled": None if settled is None else {"contacts": _contact_rows(settled[0]), "uses": settled[1]},
        "scores": _told(*scores),
    }
    return {"format": FORMAT, "input": given, "output": decided}


def _features(features: Sequence[FeatureValue]) -> Packed:
    """Names, the statuses other than PRESENT by place, values, and the place of each event time in the list of them."""
    times: dict[datetime | None, int] = {}
    return [
        [feature.name for feature in features],
        [(place, f.status) for place, f in enumerate(features) if f.status is not FeatureStatus.PRESENT],
        _values([feature.value for feature in features]),
        [times.setdefault(feature.event_time, len(times)) for feature in features],
        [None if at is None else in_utc(at) for at in times],
    ]


def _values(values: Sequence[Any]) -> Packed:
    """A finite number stands as it is: nothing is left of it once it is taken from itself."""
    return [
        v if (kind := v.__class__) in _AS_THEY_ARE or (kind is float and v - v == 0.0) else recorded_value(v)
        for v in values
    ]


def _feature_rows(
    names: Sequence[str],
    others: Iterable[tuple[int, str]],
    values: Sequence[Any],
    places: Sequence[int],
    times: Sequence[str | None],
) -> Json:
    present = FeatureStatus.PRESENT.value
    rows = {name: [present, value, times[at]] for name, value, at in zip(names, values, places, strict=True)}
    for place, status in others:
        rows[names[place]][0] = status
    return rows


def _contacts(contacts: Iterable[Contact]) -> Packed:
    return list(map(_CONTACT, contacts))


def _contact_rows(contacts: Iterable[Sequence[Any]]) -> Packed:
    return [
        [*whose, *map(_time, counts), is_presented, cost, *rest_of_contact(_time(decided), _time(presented), displaces)]
        for *whose, at, until, reserved, is_presented, cost, decided, presented, displaces in contacts
        for counts in ((at, until, reserved),)
    ]


def _response_rows(responses: Iterable[Sequence[Any]]) -> Packed:
    return [[*whose, _time(at)] for *whose, at in responses]


def _scores(scores: Mapping[str, Score]) -> Packed:
    """One source with what its scores are that say nothing else, and the others as a document tells them."""
    source = next((score.source for score in scores.values()), ScoreSource.MODEL)
    plain: dict[str, float] = {}
    others: Json = {}
    for journey, score in scores.items():
        p = score.p_outcome
        if score.source is source and score.value is None and score.p_if_silent is None and p - p == 0.0:
            plain[journey] = p
        else:
            others[journey] = told_score(score)
    return [source, plain, others]


def _told(source: str, plain: Mapping[str, float], others: Json) -> Json:
    return {**{journey: [p, source] for journey, p in plain.items()}, **others}


def _time(text: str | None) -> str | None:
    """As a document has it: in UTC."""
    return text if text is None or text.endswith(_UTC) else time_text(from_iso(text))

"""Names in a case that the catalogue does not have: journeys, and codes of constraints."""

from __future__ import annotations

from collections.abc import Iterator

from features.documents.form import meant
from service.catalogue.cases.document import ANYTHING_MORE, CaseDocument
from service.catalogue.cases.invalid import CaseInvalid, Path, no_journey
from service.decision.constraints.registry import BINDERS, POLICY
from service.decision.journey import Objective
from service.decision.plan import Plan

_BY_JOURNEY = (
    *("denied", "bypassed", "ruled_out", "tones", "displaced", "eligible_after"),
    *("scores", "values", "if_silent"),
)


def name_faults(case: CaseDocument, plan: Plan) -> Iterator[CaseInvalid]:
    """One for each name, in the order in which a case is written."""
    for path, journey in _journeys(case):
        if journey not in plan.lifetimes:
            yield no_journey(journey, plan, path)
        elif path[0] == "values" and not any(o.is_value_learnt for o in _objectives(journey, plan)):
            yield CaseInvalid(f"the value of '{journey}' is not learned: its catalogue says it", path)
        elif path[0] == "if_silent" and not any(o.asks_of_silence for o in _objectives(journey, plan)):
            text = f"what comes of '{journey}' in silence is not asked of a model: it is not ranked by uplift"
            yield CaseInvalid(text, path)
    codes = {code for code in BINDERS if code != POLICY} | set(plan.texts)
    for about in ("denied", "bypassed"):
        for journey, listed in (getattr(case, about) or {}).items():
            for n, code in enumerate(listed):
                if code not in codes and code != ANYTHING_MORE:
                    yield CaseInvalid(f"no constraint has the code '{code}'{meant(code, codes)}", (about, journey, n))


def _objectives(journey_id: str, plan: Plan) -> Iterator[Objective]:
    """Of one journey, on each of its channels."""
    offered = (one.journey for listed in plan.journeys.values() for one in listed)
    return (journey.objective for journey in offered if journey.journey_id == journey_id)


def _journeys(case: CaseDocument) -> Iterator[tuple[Path, str]]:
    for about in ("eligible", "ranked"):
        for n, journey in enumerate(getattr(case, about) or ()):
            yield (about, n), journey
    for about in _BY_JOURNEY:
        for journey in getattr(case, about) or {}:
            yield (about, journey), journey

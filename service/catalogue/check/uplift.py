"""What ranking by uplift lacks around it: warnings (RANK), for nothing forbidden is shown, but not what was meant.

- an event ranked by uplift where policies.yaml has no `silence`: who would rather be left alone is shown it;
- an event ranked by outcome in a tier where others are ranked by uplift: it stands first for what comes anyway.
Of helping journeys nothing is said: silence keeps none away. An outcome that is reported cannot come by itself, so it
is ranked alike by both.
"""

from __future__ import annotations

from service.catalogue.check.under_check import CatalogueUnderCheck
from service.catalogue.documents.problems import FaultClass, Problems, Severity
from service.decision.journey import HELPING_KINDS, RankBy


def check_uplift(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    events = [one for one in catalogue.journeys if one.journey.objective.event is not None]
    asking = [one for one in events if one.journey.kind not in HELPING_KINDS]
    by_uplift = [one for one in asking if one.journey.objective.rank_by is RankBy.UPLIFT]
    if catalogue.document.policies.silence is None:
        for one in by_uplift:
            text = "without `silence` in policies.yaml it is shown also where nothing, or harm, is expected of that"
            _warn(problems, one.journey_id, ("objective", "rank_by"), text)
    first_of = {one.journey.tier: one.journey_id for one in reversed(by_uplift)}
    for one in asking:
        other = first_of.get(one.journey.tier)
        if other is not None and one.journey.objective.rank_by is RankBy.OUTCOME:
            text = f"'{other}', of the same tier, is ranked by uplift: this one counts what would come anyway"
            _warn(problems, one.journey_id, ("objective",), text)


def _warn(problems: Problems, journey_id: str, path: tuple[str, ...], text: str) -> None:
    problems.add(journey_id, path, FaultClass.RANK, text, 0, Severity.WARNING)

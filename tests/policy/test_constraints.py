"""Each constraint of the example catalogue on hand-made customers: what it denies, what it allows, and its values."""

from __future__ import annotations

import pytest

from service.decision.constrain import Rejection
from service.decision.constraints.registry import BINDERS
from service.decision.decide import begin
from service.decision.plan import Plan
from tests.policy.cases.audience import AUDIENCE
from tests.policy.cases.caps import CONTACT_CAP, PRESSURE_CAP
from tests.policy.cases.case import Case
from tests.policy.cases.consent_missing import CONSENT_MISSING
from tests.policy.cases.incident_open import INCIDENT_OPEN
from tests.policy.cases.not_valid_now import NOT_VALID_NOW

CASES = (*INCIDENT_OPEN, *CONSENT_MISSING, *AUDIENCE, *CONTACT_CAP, *PRESSURE_CAP, *NOT_VALID_NOW)


def rejected(plan: Plan, case: Case) -> Rejection | None:
    """Where the journey ended: None if it is allowed."""
    constrained = begin(plan, case.customer.asks(case.channel)).constrained
    assert case.journey in {c.journey_id for c in constrained.allowed} | {r.journey_id for r in constrained.rejected}
    return next((r for r in constrained.rejected if r.journey_id == case.journey), None)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code}: {c.name}")
def test_constraint_says_what_the_case_expects(case: Case, plan: Plan) -> None:
    found = rejected(plan, case)
    said = [] if found is None else [r for r in found.reasons if r.code == case.code]
    assert said == ([] if case.reason is None else [case.reason])


def test_every_constraint_told_of_here_decides_a_deny_and_an_allow_case() -> None:
    """The other constraints are decided by the cases beside the catalogue, which `rumbo catalogue test` counts."""
    denied = {c.code for c in CASES if c.reason is not None}
    assert denied == {c.code for c in CASES if c.reason is None}
    assert denied <= set(BINDERS)

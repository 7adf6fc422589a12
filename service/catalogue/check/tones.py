"""Choices of a tone that an earlier choice of the same action leaves nothing: warnings.

The first choice whose condition holds gives the tone. One whose condition holds only where that of an earlier one does,
for one always holds or because they follow from each other, is never chosen. Found for the channels and placements of
the action. A choice that can never hold by itself was reported by `check.analysed_conditions` and is not
reported again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from service.catalogue.check.claims import MAY_BE_MISSING
from service.catalogue.check.condition_answers import ConditionAnswers, RequestScope
from service.catalogue.check.conflict import minimal_conflict
from service.catalogue.check.proof.bounds import IS_KNOWN
from service.catalogue.check.proof.solver import Satisfiability
from service.catalogue.check.under_check import ActionOnChannel, CatalogueUnderCheck
from service.catalogue.documents.problems import FaultClass, Problems, Severity
from service.decision.plan import ToneChoice


def check_tones(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    for journey in catalogue.journeys:
        for action in journey.actions:
            _check_action(action, catalogue.answers, problems)


def _check_action(action: ActionOnChannel, answers: ConditionAnswers, problems: Problems) -> None:
    subject, scope, choices = action.journey_id, action.scope_everywhere, action.candidate.tones
    for n, choice in enumerate(choices[1:], start=1):
        alone = answers.alone(choice.when.text, scope).outcome
        if alone is Satisfiability.NEVER:
            continue
        where = (*action.path, "tone", "choose", n, "when")
        finding = answers.together([choice.when.text], scope, [c.when.text for c in choices[:n]])
        if finding.outcome is Satisfiability.NEVER:
            problems.add(
                subject, where, FaultClass.NEVER, _choice_text(choice, choices[:n], scope, answers), 0, Severity.WARNING
            )
        elif finding.outcome is Satisfiability.NOT_DECIDED and alone is not Satisfiability.NOT_DECIDED:
            text = f"whether the choices before it leave this tone anything could not be decided: {finding.why}"
            problems.add(subject, where, FaultClass.NOT_DECIDED, text, 0, Severity.NOTICE)


def _choice_text(
    choice: ToneChoice, before: Sequence[ToneChoice], scope: RequestScope, answers: ConditionAnswers
) -> str:
    last_first = minimal_conflict(before[::-1], partial(_leave_nothing, choice, scope, answers))
    core = last_first[::-1]
    tones = " or ".join(dict.fromkeys(c.tone for c in core))
    why = answers.together([choice.when.text], scope, [c.when.text for c in core]).why
    needs = {n for c in core for n in c.when.names if n.startswith(MAY_BE_MISSING)} - {IS_KNOWN}
    known = "" if needs <= set(choice.when.names) else " (but for missing facts)"
    text = f"this tone is never chosen: an earlier choice ({tones}) holds whenever this one does{known}"
    return f"{text} ({why})" if why else text


def _leave_nothing(
    choice: ToneChoice, scope: RequestScope, answers: ConditionAnswers, before: Sequence[ToneChoice]
) -> bool:
    """Whether, wherever it holds, one of these before it does."""
    finding = answers.together([choice.when.text], scope, [c.when.text for c in before])
    return finding.outcome is Satisfiability.NEVER

"""Choices of a tone that an earlier choice of the same action leaves nothing: warnings.

The first choice whose condition holds gives the tone. One whose condition holds only where that of an earlier one does,
for one always holds or because they follow from each other, is never chosen. Found for the channels and placements of
the action. A choice that can never hold by itself was reported by `check.analysed_conditions` and is not
reported again.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.catalogue.check.claims import MAY_BE_MISSING
from service.catalogue.check.condition_answers import ConditionAnswers, RequestScope
from service.catalogue.check.proof.bounds import IS_KNOWN
from service.catalogue.check.proof.solver import Satisfiability
from service.catalogue.check.under_check import CatalogueUnderCheck, Path
from service.catalogue.documents.journey import ActionDocument, ToneChoiceDocument, ToneDocument
from service.catalogue.documents.problems import FaultClass, Problems, Severity


def check_tones(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    for journey in catalogue.document.journeys:
        for i, stage in enumerate(journey.stages):
            for k, action in enumerate(stage.actions):
                _check_action(journey.journey, ("stages", i, "actions", k), action, catalogue.answers, problems)


def _check_action(
    subject: str, path: Path, action: ActionDocument, answers: ConditionAnswers, problems: Problems
) -> None:
    choices = action.tone.choose if isinstance(action.tone, ToneDocument) else ()
    scope = RequestScope(channels=action.channels, placements=action.placements)
    for n, choice in enumerate(choices[1:], start=1):
        alone = answers.alone(choice.when, scope).outcome
        if alone is Satisfiability.NEVER:
            continue
        where = (*path, "tone", "choose", n, "when")
        finding = answers.together([choice.when], scope, [c.when for c in choices[:n]])
        if finding.outcome is Satisfiability.NEVER:
            problems.add(
                subject, where, FaultClass.NEVER, _choice_text(choice, choices[:n], scope, answers), 0, Severity.WARNING
            )
        elif finding.outcome is Satisfiability.NOT_DECIDED and alone is not Satisfiability.NOT_DECIDED:
            text = f"whether the choices before it leave this tone anything could not be decided: {finding.why}"
            problems.add(subject, where, FaultClass.NOT_DECIDED, text, 0, Severity.NOTICE)


def _choice_text(
    choice: ToneChoiceDocument, before: Sequence[ToneChoiceDocument], scope: RequestScope, answers: ConditionAnswers
) -> str:
    core = _core(choice, before, scope, answers)
    tones = " or ".join(dict.fromkeys(c.tone for c in core))
    why = answers.together([choice.when], scope, [c.when for c in core]).why
    needs = {n for c in core for n in answers.names(c.when) if n.startswith(MAY_BE_MISSING)} - {IS_KNOWN}
    known = "" if needs <= set(answers.names(choice.when)) else " (but for missing facts)"
    text = f"this tone is never chosen: an earlier choice ({tones}) holds whenever this one does{known}"
    return f"{text} ({why})" if why else text


def _core(
    choice: ToneChoiceDocument, before: Sequence[ToneChoiceDocument], scope: RequestScope, answers: ConditionAnswers
) -> list[ToneChoiceDocument]:
    """A minimal set of the choices before it that leave it nothing, those written first preferred."""
    core = list(before)
    for one in reversed(before):
        rest = [c for c in core if c is not one]
        if rest and answers.together([choice.when], scope, [c.when for c in rest]).outcome is Satisfiability.NEVER:
            core = rest
    return core

"""Conditions that can never or always hold.

| condition | never holds | always holds |
|---|---|---|
| `audience`, `policies.require`, `exit_when` | error | error |
| `objective.where` | error | warning |
| `context_weight`, `tone` | warning | warning |

A gate that lets nobody through, or everybody, is not the gate that was meant; what only orders or words is less. A
condition that cannot hold on the journey's own channels and placements never holds; one that always holds does so on
every channel of the company. A condition on `now` that could hold once, but not from the day of the check on, is a
warning: time made it so. What the solver cannot decide is a notice of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.catalogue.check.condition_answers import NOW, ConditionAnswers, RequestScope
from service.catalogue.check.proof.solver import Satisfiability, SolverAnswer
from service.catalogue.check.under_check import ActionOnChannel, CatalogueUnderCheck, JourneyUnderCheck, Path
from service.catalogue.conditions.compile import ConditionCompiler
from service.catalogue.documents.problems import POLICIES, FaultClass, Problems, Severity


class Role(StrEnum):
    """What a condition is for."""

    AUDIENCE = "the audience"
    REQUIRE = "the policy"
    EXIT_WHEN = "exit_when"
    WHERE = "the objective's where"
    WEIGHT = "the context weight"
    TONE = "the tone's condition"


_MEANS: Mapping[tuple[Role, Satisfiability], tuple[Severity, str]] = {
    (Role.AUDIENCE, Satisfiability.NEVER): (Severity.ERROR, "nobody gets this journey"),
    (Role.AUDIENCE, Satisfiability.ALWAYS): (Severity.ERROR, "it chooses nobody; leave it out if all are meant"),
    (Role.REQUIRE, Satisfiability.NEVER): (Severity.ERROR, "it denies everything it applies to"),
    (Role.REQUIRE, Satisfiability.ALWAYS): (Severity.ERROR, "it denies nothing"),
    (Role.EXIT_WHEN, Satisfiability.NEVER): (Severity.ERROR, "it ends no enrolment"),
    (Role.EXIT_WHEN, Satisfiability.ALWAYS): (Severity.ERROR, "every enrolment ends at once"),
    (Role.WHERE, Satisfiability.NEVER): (Severity.ERROR, "the objective cannot be met"),
    (Role.WHERE, Satisfiability.ALWAYS): (Severity.WARNING, "it can be left out"),
    (Role.WEIGHT, Satisfiability.NEVER): (Severity.WARNING, "it is never used"),
    (Role.WEIGHT, Satisfiability.ALWAYS): (Severity.WARNING, "it is used whatever the context"),
    (Role.TONE, Satisfiability.NEVER): (Severity.WARNING, "this tone is never chosen"),
    (Role.TONE, Satisfiability.ALWAYS): (Severity.WARNING, "the default, and every choice after it, is never used"),
}
_SAYS = {Satisfiability.NEVER: "can never hold", Satisfiability.ALWAYS: "always holds"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedCondition:
    """A condition where it stands. `scope`: the requests that it can be asked about."""

    role: Role
    text: str
    subject: str
    path: Path
    scope: RequestScope


def check_conditions(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    for stated in stated_conditions(catalogue):
        _judge(stated, catalogue, catalogue.answers, problems)
    compilers = {event: ConditionCompiler(known.value_types) for event, known in catalogue.events.by_name.items()}
    events = {event: ConditionAnswers(compiler, {}) for event, compiler in compilers.items()}
    for journey in catalogue.journeys:
        objective = journey.journey.objective
        if objective.event is not None and objective.where is not None:
            where = StatedCondition(
                role=Role.WHERE,
                text=objective.where,
                subject=journey.journey_id,
                path=("objective", "where"),
                scope=RequestScope(),
            )
            _judge(where, catalogue, events[objective.event], problems)


def never_holds(text: str, scope: RequestScope, catalogue: CatalogueUnderCheck) -> bool:
    """Whether `check_conditions` reports that it never holds."""
    return catalogue.answers.alone(text, scope).outcome is Satisfiability.NEVER


def _judge(
    stated: StatedCondition, catalogue: CatalogueUnderCheck, answers: ConditionAnswers, problems: Problems
) -> None:
    everywhere = RequestScope(channels=catalogue.channels)
    finding = answers.alone(stated.text, everywhere)
    if finding.outcome is Satisfiability.CONTINGENT:
        finding = _only_never(answers.alone(stated.text, stated.scope), finding)
    if finding.outcome in _SAYS:
        severity, means = _MEANS[stated.role, finding.outcome]
        text = f"{stated.role} {_SAYS[finding.outcome]}: {means}{_because(finding)}"
        problems.add(stated.subject, stated.path, FaultClass(finding.outcome.value), text, 0, severity)
    elif finding.outcome is Satisfiability.NOT_DECIDED:
        text = f"whether {stated.role} can hold, and fail, could not be decided: {finding.why}"
        problems.add(stated.subject, stated.path, FaultClass.NOT_DECIDED, text, 0, Severity.NOTICE)
    elif NOW in answers.names(stated.text):
        _judge_from_now_on(stated, catalogue, answers, problems)


def _judge_from_now_on(
    stated: StatedCondition, catalogue: CatalogueUnderCheck, answers: ConditionAnswers, problems: Problems
) -> None:
    later = answers.ever_after(stated.text, stated.scope, catalogue.now)
    if later.outcome is Satisfiability.NEVER:
        text = f"{stated.role} can never hold again from {catalogue.now:%Y-%m-%d} on"
        problems.add(stated.subject, stated.path, FaultClass.NEVER, text, 0, Severity.WARNING)


def _only_never(narrow: SolverAnswer, wide: SolverAnswer) -> SolverAnswer:
    """On the journey's own channels a condition may hold always (`channel == "email"`): that is no fault."""
    return wide if narrow.outcome is Satisfiability.ALWAYS else narrow


def _because(finding: SolverAnswer) -> str:
    return f" ({finding.why})" if finding.why else ""


def stated_conditions(catalogue: CatalogueUnderCheck) -> Iterator[StatedCondition]:
    """Every condition about customers, those of the company first."""
    for i, scope in enumerate(catalogue.policies.claims):
        yield StatedCondition(
            role=Role.REQUIRE,
            text=scope.rule.condition.text,
            subject=POLICIES,
            path=("policies", i, "require"),
            scope=RequestScope(channels=catalogue.channels),
        )
    for journey in catalogue.journeys:
        yield from _of_journey(journey)


def _of_journey(journey: JourneyUnderCheck) -> Iterator[StatedCondition]:
    subject, scope = journey.journey_id, journey.scope
    audience, exit_when = journey.audience, journey.lifetime.exit_when
    if audience is not None:
        text, path = audience.condition.text, journey.audience_path
        yield StatedCondition(role=Role.AUDIENCE, text=text, subject=subject, path=path, scope=scope)
    if exit_when is not None:
        anywhere = RequestScope()  # looked at in any request of the customer, whatever its channel
        yield StatedCondition(
            role=Role.EXIT_WHEN, text=exit_when.text, subject=subject, path=("exit_when",), scope=anywhere
        )
    for i, weight in enumerate(journey.context_weights):
        path = ("context_weight", i, "when")
        yield StatedCondition(role=Role.WEIGHT, text=weight.when.text, subject=subject, path=path, scope=scope)
    for action in journey.actions:
        yield from _of_action(action)


def _of_action(action: ActionOnChannel) -> Iterator[StatedCondition]:
    for n, choice in enumerate(action.candidate.tones):
        yield StatedCondition(
            role=Role.TONE,
            text=choice.when.text,
            subject=action.journey_id,
            path=(*action.path, "tone", "choose", n, "when"),
            scope=action.scope_everywhere,
        )

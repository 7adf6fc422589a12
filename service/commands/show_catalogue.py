"""The catalogue's test report and explanations as tables, for people, and as JSON, for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from rich.markup import escape
from rich.table import Table

from features.console import table_console
from features.values import Scalar
from service.catalogue.cases.run import CaseResult, Report
from service.decision.evaluation import Evaluation
from service.decision.explain import RuleExplanation, explain
from service.decision.plan import Candidate
from service.decision.verdict import ReasonKind
from service.texts.fill import text


def show_report(report: Report, *, are_gaps_faults: bool) -> None:
    """What differs, case by case, then what the meta-rule misses, then the count."""
    console, told = table_console(), set[str]()  # a fault of defaults is one of many cases
    for result in report.results:
        faults = [fault for fault in result.faults if fault not in told]
        told |= set(faults)
        if result.differences or faults:
            console.print(f"[bold red]{escape(str(result.case))}[/]", soft_wrap=True)
        for fault in faults:
            console.print(escape(fault), soft_wrap=True)
        if result.differences:
            console.print(_differences(result))
    colour = "red" if are_gaps_faults else "yellow"
    for what, missing in (("denies alone", report.never_denies), ("is allowed by", report.never_allows)):
        for constraint in missing:
            console.print(f"[{colour}]no case that {what}:[/] {escape(constraint)}", soft_wrap=True)
    met = sum(r.is_met for r in report.results)
    uncovered = len({*report.never_denies, *report.never_allows})
    console.print(f"{met} of {len(report.results)} cases met; {_uncovered_text(uncovered)}")


def _uncovered_text(uncovered: int) -> str:
    if not uncovered:
        return "every constraint in use denies in one case and allows in another"
    return f"constraints in use that no case shows to deny or to allow: {uncovered}"


def _differences(result: CaseResult) -> Table:
    table = Table()
    for heading in ("", "journey", "- expected", "+ found"):
        table.add_column(heading)
    for d in result.differences:
        table.add_row(d.about, escape(d.journey), f"[red]{escape(d.expected)}[/]", f"[green]{escape(d.found)}[/]")
    return table


def report_fields(report: Report, *, is_good: bool) -> dict[str, Any]:
    return {
        "cases": [
            {
                "file": r.case.file,
                "name": r.case.document.name,
                "met": r.is_met,
                "faults": list(r.faults),
                "differences": [
                    {"about": d.about, "journey": d.journey, "expected": d.expected, "found": d.found}
                    for d in r.differences
                ],
            }
            for r in report.results
        ],
        "never_denies": list(report.never_denies),
        "never_allows": list(report.never_allows),
        "good": is_good,
    }


def show_explanation(evaluation: Evaluation, candidate: Candidate, locale: str) -> None:
    """Every rule that guards a candidate: its verdict, what it saw, its limits, the ages of what it saw."""
    console, facts = table_console(), evaluation.facts
    what = (candidate.journey_id, candidate.action.action_id, f"stage {candidate.stage}", facts.channel)
    table = Table(title=" · ".join((*what, f"{facts.now:%Y-%m-%d %H:%M:%S} UTC")), title_justify="left")
    for heading in ("constraint", "verdict", "observed", "limit", "age"):
        table.add_column(heading)
    reasons = []
    for explained in explain(evaluation, candidate):
        seen = explained.rule.seen(evaluation)
        verdict = verdict_of(explained)
        told = (explained.rule.named(candidate.journey_id), verdict, _pairs(seen.observed), _pairs(seen.limits))
        table.add_row(*map(escape, told), escape(_ages(seen.ages)), style=None if verdict == "allows" else "yellow")
        if explained.reason is not None:
            reasons.append(f"{explained.reason.code}: {text(explained.reason, locale, evaluation.plan.texts)}")
    console.print(table)
    for reason in reasons:
        console.print(f"• {escape(reason)}")


def explanation_fields(evaluation: Evaluation, candidate: Candidate, locale: str) -> dict[str, Any]:
    rows = []
    for explained in explain(evaluation, candidate):
        seen, reason = explained.rule.seen(evaluation), explained.reason
        rows.append(
            {
                "constraint": explained.rule.named(candidate.journey_id),
                "code": explained.rule.code,
                "verdict": verdict_of(explained),
                "observed": {name: _plain(value) for name, value in seen.observed.items()},
                "limits": {name: _plain(value) for name, value in seen.limits.items()},
                "age_s": {name: age.total_seconds() for name, age in seen.ages.items()},
                "text": None if reason is None else text(reason, locale, evaluation.plan.texts),
                "eligible_after": None if reason is None else _plain(reason.eligible_after),
            }
        )
    return {
        "journey": candidate.journey_id,
        "stage": candidate.stage.value,
        "action": candidate.action.action_id,
        "now": evaluation.facts.now.isoformat(),
        "rules": rows,
    }


def verdict_of(explained: RuleExplanation) -> str:
    """allows, denies, unknown (which denies), or bypassed."""
    if explained.reason is None:
        return "allows"
    if explained.is_bypassed:
        return "bypassed"
    return "unknown" if explained.reason.kind is ReasonKind.UNKNOWN else "denies"


def _pairs(values: Mapping[str, Scalar]) -> str:
    return "\n".join(f"{name} = {_plain(value)}" for name, value in values.items())


def _ages(ages: Mapping[str, timedelta]) -> str:
    return "\n".join(f"{name}: {_age(age)}" for name, age in ages.items())


def _age(age: timedelta) -> str:
    """The age in days, hours, minutes and seconds: the two largest that are not zero."""
    seconds = int(age.total_seconds())
    parts: Iterable[tuple[int, str]] = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"))
    told = [f"{count}{unit}" for count, unit in (*parts, (seconds % 60, "s")) if count]
    return " ".join(told[:2]) or "0s"


def _plain(value: Scalar | None) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return float(f"{value:.12g}") if isinstance(value, float) else value

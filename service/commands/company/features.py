"""`rumbo features vars`, beside the commands of `features.cli`: the names that conditions may use.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from features.cli import features
from service.commands.options import reads_settings

if TYPE_CHECKING:
    from features.store.coverage import Coverage
    from service.settings import Settings

__all__ = ["features"]


@features.command("vars")
@reads_settings("home", "catalogue")
@click.option("--coverage", "is_counted", is_flag=True, help="Also of how many customers each is known; takes seconds.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def variables(settings: Settings, is_counted: bool, as_json: bool) -> None:
    """List every name that a condition may use, with type, unit, what it is from, and where it may stand.

    With --coverage, the share of the customers of whom it is PRESENT: by the latest row of each in the offline source
    of every view, of all whom some view has.
    """
    from service.bootstrap.clock import system_clock
    from service.bootstrap.company import catalogue_of, company_of, terms_known
    from service.catalogue.documents.source import Reader
    from service.catalogue.vocabulary import vocabulary
    from service.commands.company.show_variables import show_variables, variable_fields

    company = company_of(settings)
    terms = terms_known(settings, company)
    policies = Reader(catalogue_of(settings, company)).read().policies
    listed = list(vocabulary(terms, policies))
    counted = None
    if is_counted:
        from features.store.coverage import coverage_of

        counted = coverage_of(company.feature_repo, terms.schema, system_clock())
    notices = list(_notices(has_policies=policies is not None, counted=counted))
    if as_json:
        fields: dict[str, Any] = {
            "customers": None if counted is None else counted.customers,
            "variables": [variable_fields(one, counted) for one in listed],
            "notices": notices,
        }
        click.echo(json.dumps(fields, indent=2, ensure_ascii=False))
    else:
        show_variables(listed, counted)
        for notice in notices:
            click.echo(f"notice: {notice}")


def _notices(*, has_policies: bool, counted: Coverage | None) -> Iterator[str]:
    if not has_policies:
        yield "policies.yaml cannot be read, so no context.* is listed: see `rumbo catalogue check`"
    if counted is not None:
        yield from counted.notices

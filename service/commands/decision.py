"""`rumbo decision`: one decision of a running service, as it was recorded, and what followed."""

from __future__ import annotations

import click

from service.commands.options import chosen


@click.command()
@click.argument("decision_id", metavar="ID")
@click.option("--locale", default="en", show_default=True, help="Language of the reasons: en or es.")
@click.option("--address", envvar="RUMBO_ADDRESS", show_default="where `rumbo serve` listens here: 127.0.0.1:50051")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def decision(decision_id: str, locale: str, address: str | None, as_json: bool) -> None:
    """Show what was ranked and withheld, why, and what followed."""
    import json

    from rumbo.decision.v1 import decision_pb2, record_pb2
    from service.commands.show_answer import answer_fields, show_decision
    from service.wire.client import Client

    request = record_pb2.GetDecisionRequest(decision_id=decision_id, explain=decision_pb2.EXPLAIN_FULL, locale=locale)
    with Client(address or chosen({}).address) as client:
        found = client.get_decision(request)
    if as_json:
        click.echo(json.dumps(answer_fields(found), indent=2))
    else:
        show_decision(found)

"""`rumbo decide`: one question to a running service."""

from __future__ import annotations

import click

from service.commands.options import chosen


@click.command()
@click.option("--customer", required=True, help="The customer's id.")
@click.option("--channel", required=True, help="Such as email, web, app, call_center.")
@click.option("--placement", help="The place on the channel, such as home.")
@click.option("--context", multiple=True, metavar="NAME=VALUE", help="A declared context value; may be repeated.")
@click.option("--limit", type=int, help="Slots to fill. Default: the channel's.")
@click.option("--locale", default="en", show_default=True, help="Language of the reasons: en or es.")
@click.option("--address", envvar="RUMBO_ADDRESS", show_default="where `rumbo serve` listens here: 127.0.0.1:50051")
@click.option("--reserve", is_flag=True, help="Reserve and record, as a channel does. Default: look only.")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def decide(
    customer: str,
    channel: str,
    placement: str | None,
    context: tuple[str, ...],
    limit: int | None,
    locale: str,
    address: str | None,
    reserve: bool,
    as_json: bool,
) -> None:
    """Ask a running service in which journey a customer should be now; nothing is reserved unless --reserve is said."""
    import json

    from rumbo.decision.v1 import decision_pb2
    from service.commands.show_answer import answer_fields, show_answer
    from service.wire.client import Client, context_values

    request = decision_pb2.DecideRequest(
        customer_id=customer,
        channel=channel,
        placement=placement,
        context=context_values(context),
        limit=limit,
        locale=locale,
        dry_run=not reserve,
        explain=decision_pb2.EXPLAIN_FULL,
    )
    with Client(address or chosen({}).address) as client:
        response = client.decide(request)
    if as_json:
        click.echo(json.dumps(answer_fields(response), indent=2))
    else:
        show_answer(response, title=f"customer {customer} on {channel}")
        if reserve:
            click.echo(f"recorded: rumbo decision {response.decision_id}")

"""`rumbo protos`: the contract of the wire, for callers in other languages."""

from __future__ import annotations

from pathlib import Path

import click

PACKAGE = Path("rumbo") / "decision" / "v1"


@click.command()
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder; it is made if missing."
)
def protos(out: Path) -> None:
    """Write the .proto files to a folder, under the path of their package."""
    from features.files import write_text

    for file in sorted(_folder().glob("*.proto")):
        write_text(out / PACKAGE / file.name, file.read_text(encoding="utf-8"))
        click.echo(out / PACKAGE / file.name)


def _folder() -> Path:
    """Beside the generated code where it is installed, else in the checkout that both come from."""
    from rumbo.decision.v1 import decision_pb2

    installed = Path(decision_pb2.__file__).parent
    return installed if list(installed.glob("*.proto")) else installed.parents[3] / PACKAGE

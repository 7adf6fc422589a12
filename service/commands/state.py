"""`rumbo state`: migrate the store, say how it stands, delete what is past its time; export and import beside them.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.commands.interrupt import run
from service.commands.options import reads_settings
from service.commands.state_export import export_, import_

if TYPE_CHECKING:
    from service.settings import Settings


@click.group()
def state() -> None:
    """Look after the store of decisions: its tables, its size, what goes and what comes.

    The store is a file in HOME, or the PostgreSQL database that RUMBO_STATE_URL names.
    """


state.add_command(export_)
state.add_command(import_)


@state.command()
@reads_settings("home")
@click.option("--json", "as_json", is_flag=True, help="The status as JSON.")
def status(settings: Settings, as_json: bool) -> None:
    """Tell which store it is, where its tables stand and what it holds; exit status 1 if they must be migrated."""
    from service.bootstrap.clock import system_clock
    from service.bootstrap.store import survey
    from service.commands.show_state import show_status, status_fields
    from service.state.engines.steps import HEAD

    found = survey(settings)
    if as_json:
        click.echo(json.dumps(status_fields(found, system_clock()), indent=2))
    else:
        show_status(found, system_clock())
    if found.step != HEAD:
        raise click.exceptions.Exit(1)


@state.command()
@reads_settings("home")
def migrate(settings: Settings) -> None:
    """Bring the tables to the step that this program knows; nothing is done if they stand there.

    One transaction: all or nothing. Several may do it at once: one does it, the others wait for it. Of PostgreSQL the
    database may be empty; a file is made by `rumbo serve`.
    """
    from service.bootstrap.store import migrate_state

    before, after = migrate_state(settings)
    if before == after:
        click.echo(f"the tables stand at step {after}: nothing to do")
    else:
        click.echo(f"the tables went from {'none' if before is None else f'step {before}'} to step {after}")


@state.command()
@reads_settings("home")
@click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask before something is given up.")
def init(settings: Settings, is_confirmed: bool) -> None:
    """Give HOME a store: the one that is there, or a new one; what HOME had before is told, and must be confirmed.

    For a home whose store is gone for good, or that shall have another one. Nothing is deleted.
    """
    from service.bootstrap.store import init_state, lost_by_init

    lost = lost_by_init(settings)
    if lost is not None and not is_confirmed:
        click.confirm(f"{lost}\nGo on?", abort=True)
    store_id, is_new = run(init_state(settings))
    click.echo(f"{settings.home} has {'a new store' if is_new else 'the store'} {store_id}")


@state.command()
@reads_settings("home")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--overwrite", "overwrites", is_flag=True, help="Replace FILE if it is there.")
def backup(settings: Settings, file: Path, overwrites: bool) -> None:
    """Copy the store of HOME to FILE as it is at one instant, while services use it.

    FILE is checked, and appears whole or not at all. A database is backed up with its own tools.
    """
    from service.bootstrap.store import back_up_state
    from service.commands.show_state import show_backup

    show_backup(back_up_state(settings, file, overwrites=overwrites), file)


@state.command()
@reads_settings("home")
@click.argument("file", type=click.Path(path_type=Path))
def restore(settings: Settings, file: Path) -> None:
    """Put the copy FILE in the place of the store of HOME; refused while a service or command uses that.

    FILE is checked first. The store that was there is kept beside it. What came after the copy is forgotten: ids that
    are sent again count again, and what was killed since then runs.
    """
    from service.bootstrap.store import restore_state
    from service.commands.show_state import show_restored

    show_restored(restore_state(settings, file), settings.home)


@state.command()
@reads_settings("home")
@click.option("--dry-run", is_flag=True, help="Delete nothing; count what would go.")
@click.option("--force", "is_forced", is_flag=True, help="Go by the clock of this machine, however much goes.")
@click.option("--json", "as_json", is_flag=True, help="The rows by table as JSON.")
def prune(settings: Settings, dry_run: bool, is_forced: bool, as_json: bool) -> None:
    """Delete what is past its time, as the RUMBO_KEEP_…_DAYS say, in small steps beside a running service.

    A service does the same once an hour. What is past its time is told by the clock or by what was received last,
    whichever is earlier. Nothing goes, and the exit status is 1, if the clock stands elsewhere than in the round before
    (by more than two days), or if much of a table would go at once. If it fails half-way, what went is told all the
    same.
    """
    from service.commands.show_state import show_pruned

    rows: dict[str, int] = {}
    try:
        run(_count(settings, rows, is_forced=is_forced) if dry_run else _prune(settings, rows, is_forced=is_forced))
    finally:
        if as_json and rows:
            click.echo(json.dumps(rows, indent=2))
        elif rows:
            show_pruned(rows, settings.retention, is_dry_run=dry_run)


async def _count(settings: Settings, rows: dict[str, int], *, is_forced: bool) -> None:
    from service.bootstrap.clock import system_clock
    from service.bootstrap.store import state_store
    from service.state.upkeep.prune import Upkeep

    async with state_store(settings) as store:
        past, stopped = await Upkeep(store.engine, settings.retention).foretell(system_clock(), is_forced=is_forced)
        rows |= past
    if stopped is not None:
        click.echo(f"it would stop: {stopped}", err=True)


async def _prune(settings: Settings, rows: dict[str, int], *, is_forced: bool) -> None:
    """`rows` has what went by table, also if it ends half-way."""
    from service.bootstrap.clock import system_clock
    from service.bootstrap.store import state_store
    from service.commands.show_state import pruning
    from service.state.upkeep.prune import Upkeep

    now = system_clock()
    async with state_store(settings) as store:
        upkeep = Upkeep(store.engine, settings.retention)
        past, stopped = await upkeep.foretell(now, is_forced=is_forced)
        if stopped is not None:
            raise stopped
        rows |= dict.fromkeys(past, 0)
        with pruning(past) as shown:

            def on_pruned(table: str, gone: int) -> None:
                rows[table] += gone
                shown(table, gone)

            await upkeep.round(now, on_pruned, is_forced=is_forced)

"""`rumbo train` of the example's campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from features.company.home import Places
    from training.pipeline import TrainingResult

COLUMNS = {
    "auc": "AUC ↑",
    "log_loss": "log\nloss ↓",
    "brier": "Brier ↓",
    "auc_within_campaign": "AUC in a\ncamp. ↑",
    "ndcg_within_campaign": "NDCG in a\ncamp. ↑",
}
ROWS = {
    "model": "model, mean of {seeds} seeds",
    "constant": "constant",
    "journey_rate": "rate of the journey",
    "campaign_type_rate": "rate of the type",
    "past_redemptions": "past redemptions",
}


def train_company(company: Path | None, home: Path | None, seeds: int, as_json: bool) -> None:
    """Trains on what `rumbo prepare` made, and makes it champion: a run in HOME/mlflow, HOME/training/metrics.json."""
    import json

    from features.company.home import places

    trained = _with_progress(places(company, home), seeds)
    if as_json:
        click.echo(json.dumps(trained.document, indent=1, sort_keys=True))
    else:
        _print_table(trained, seeds)


def _with_progress(where: Places, seeds: int) -> TrainingResult:
    """Trains while a bar on standard error says what is being done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    stages = seeds + 3  # the join, the baselines, the MLflow run
    columns = (SpinnerColumn(), TextColumn("{task.description:<22}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("loading libraries", total=stages + 1)

        def announce(stage: str) -> None:
            progress.update(task, description=stage, advance=1)

        from training.pipeline import train_home

        trained = train_home(where.demand_company(), where.home, seeds, announce)
        progress.update(task, description="trained", completed=stages + 1)
    return trained


def _print_table(trained: TrainingResult, seeds: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    experiment = trained.experiment
    table = Table(title=f"Redemption within 28 days, {len(experiment.split.test):,} test pairs")
    table.add_column("", no_wrap=True)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right")
    metrics = trained.document["metrics"]
    assert isinstance(metrics, Mapping)
    for name, label in ROWS.items():
        style = "bold" if name == "model" else None
        table.add_row(label.format(seeds=seeds), *(f"{metrics[name][c]:.3f}" for c in COLUMNS), style=style)
    console.print(table)
    console.print(
        f"Champion: model {experiment.champion.bundle.version} "
        f"(version {trained.published.registry_version} of the registry, run {trained.published.run_id})",
        soft_wrap=True,
    )

"""`rumbo monitor`. Ends with 1 on an alarm, with 0 without, and with 2 where it could not look."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.cli import company_option, home_option
from features.errors import RumboError
from training.commands.failures import Refusal
from training.commands.options import Moment, Names, PictureFile, log_option

if TYPE_CHECKING:
    from features.company.company import Company
    from models.tracking import Registry
    from training.log.options import LogColumns
    from training.monitor.monitor import Question
    from training.monitor.registered import Watched
    from training.monitor.report import Monitoring

ALARM = 1
UNKNOWN = "nothing tells until when the model learnt; rows that it learnt from flatter it (--test-from)"


def _schema(ctx: click.Context, param: click.Parameter, is_asked: bool) -> None:
    """Prints the JSON Schema of `--json`, and ends."""
    if is_asked and not ctx.resilient_parsing:
        from training.monitor.report import Monitoring

        click.echo(json.dumps(Monitoring.model_json_schema(), indent=1))
        ctx.exit()


@click.command()
@company_option
@home_option
@log_option
@click.option(
    "--model",
    metavar="BUNDLE|VERSION|champion",
    help="Expect what this model tells of the rows. Default: what was expected when they were served.",
)
@click.option("--probability", metavar="COLUMN", help="Expect what this column says. [default: p_outcome]")
@click.option("--reward", metavar="COLUMN", default="reward", show_default=True, help="Met where it is not 0.")
@click.option("--journey", metavar="COLUMN", default="journey_id", show_default=True, help="What was shown.")
@click.option("--features", type=Names(), default=(), help="Those to watch; of an exported log all, if none is named.")
@click.option("--categorical", type=Names(), default=(), help="Those of them whose values are names.")
@click.option("--test-from", type=Moment(), help="The model learnt from what was decided before: judge from then on.")
@click.option("--since", type=Moment(), help="Look from then on, such as from when a new model serves.")
@click.option("--reference", type=click.Path(path_type=Path), help="The log to compare features and mix with.")
@click.option("--plot", type=PictureFile(), help="Draw it (.png, .svg, .pdf).")
@click.option(
    "--prometheus",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the figures for node-exporter's textfile collector (a name that ends in .prom).",
)
@click.option("--mlflow", "in_mlflow", is_flag=True, help="Log the figures as a run, into the company's MLflow.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.option("--schema", is_flag=True, is_eager=True, expose_value=False, callback=_schema, help="Print its schema.")
def monitor(
    company: Path | None,
    home: Path | None,
    plot: Path | None,
    prometheus: Path | None,
    in_mlflow: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Look whether what was expected came true, and whether customers and journeys are still the same.

    By week and kind: observed and expected, with a confidence sequence that may be looked at every day; how features
    and the mix of journeys moved. Without --log: by the company's own export, brought up to date. Ends with 1 on an
    alarm, 0 without, 2 where it could not look, or nothing could be judged.
    """
    if asked["model"] is not None and asked["probability"] is not None:
        raise click.UsageError("say one of --model and --probability")
    with _failing():
        _demand_folder(prometheus)
        _demand_writable(plot, prometheus)
        known = _place(company, home) if _is_needed(company, asked, in_mlflow) else None
        found = _looked(_question(known, asked), plot)
        if prometheus is not None:
            from training.monitor.prometheus import write_metrics

            write_metrics(prometheus, found)
        if in_mlflow and known is not None:
            from training.monitor.tracking import track

            track(known.registry, found)
    _tell(found, as_json)
    if found.alarms:
        click.get_current_context().exit(ALARM)
    if found.is_blind:
        from training.monitor.tables import not_judged

        raise Refusal(f"nothing could be judged: {'; '.join(not_judged(found))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A company, its home and its models."""

    company: Company
    home: Path
    registry: Registry


@contextmanager
def _failing() -> Iterator[None]:
    """Whatever stood in the way ends it with 2, for 1 is an alarm."""
    try:
        yield
    except RumboError as error:
        raise Refusal(str(error)) from error
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        raise Refusal(f"{where}{error.strerror or error}") from error
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        traceback.print_exc()
        raise Refusal("a fault of Rumbo itself, see above; nothing is said of the model") from error


def _demand_folder(metrics: Path | None) -> None:
    """One made here would be its owner's alone, and who collects metrics is another user. Raises: CannotWrite."""
    from features.errors import CannotWrite

    if metrics is not None and not metrics.parent.exists():
        raise CannotWrite(f"{metrics} cannot be written: there is no folder {metrics.parent}; make it, for its reader")


def _demand_writable(*files: Path | None) -> None:
    """Before anything is read for them. Raises: CannotWrite."""
    from features.files import demand_writable_at

    for file in files:
        if file is not None:
            demand_writable_at(file.parent)


def _is_needed(company: Path | None, asked: dict[str, Any], in_mlflow: bool) -> bool:
    """Whether the company has to be known."""
    from training.monitor.registered import is_registered_name

    named = asked["model"] is not None and is_registered_name(asked["model"])
    return company is not None or asked["log"] is None or named or in_mlflow


def _place(company: Path | None, home: Path | None) -> _Place:
    from features.company.home import demand_home_of, places
    from models.tracking import Registry

    where = places(company, home)
    known = where.demand_company()
    demand_home_of(known, where.home)
    return _Place(company=known, home=where.home, registry=Registry.of(known, where.home))


def _question(place: _Place | None, asked: dict[str, Any]) -> Question:
    from training.from_log import instant
    from training.monitor.monitor import Question

    watched = None if asked["model"] is None else _watched(asked["model"], place)
    log = asked["log"]
    if log is None and place is not None:
        from training.export import own_export

        log = own_export(place.company.folder, place.home)
    said = None if asked["test_from"] is None else instant(asked["test_from"])
    unseen_from = said if said is not None or watched is None else watched.unseen_from
    return Question(
        log=log,
        columns=_columns(log, asked, watched, place),
        probability=asked["probability"],
        bundle=None if watched is None else watched.bundle,
        test_from=unseen_from,
        since=None if asked["since"] is None else instant(asked["since"]),
        reference=asked["reference"],
        notices=(UNKNOWN,) if watched is not None and unseen_from is None else (),
    )


def _watched(model: str, place: _Place | None) -> Watched:
    from training.monitor.registered import bundle_at, is_registered_name, model_named

    if place is not None and is_registered_name(model):
        return model_named(place.registry, model)
    return bundle_at(model)


def _columns(log: Path, asked: dict[str, Any], watched: Watched | None, place: _Place | None) -> LogColumns:
    """Of a plain log, where none are named: the features that the model reads, else those of the company."""
    from training.log.files import LogFiles
    from training.log.options import LogColumns, is_exported

    features, categorical = (*asked["features"], *asked["categorical"]), asked["categorical"]
    files = LogFiles(log)
    if not features and not is_exported(files):
        if watched is not None:
            features, categorical = watched.bundle.encoder.features_read()
        elif place is not None:
            features, categorical = _of_company(place, files.columns)
    return LogColumns(
        reward=asked["reward"],
        journey=asked["journey"],
        features=tuple(dict.fromkeys(features)),
        categorical=categorical,
    )


def _of_company(place: _Place, stored: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    from features.company.kept_registry import known_features
    from features.schema import FeatureType

    specs = known_features(place.company, place.home).schema.features
    found = [spec for spec in specs if spec.name in stored]
    return tuple(spec.name for spec in found), tuple(s.name for s in found if s.type is FeatureType.STRING)


def _looked(question: Question, plot: Path | None) -> Monitoring:
    from training.commands.progress import announcing
    from training.monitor.monitor import monitor_log

    with announcing(4) as announce:
        found = monitor_log(question, announce)
    if plot is not None:
        from training.monitor.pictures import monitoring_picture
        from training.pictures import save

        save(monitoring_picture(found), plot)
    return found


def _tell(found: Monitoring, as_json: bool) -> None:
    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    from training.monitor.tables import print_monitoring

    print_monitoring(found, datetime.now(UTC).date())

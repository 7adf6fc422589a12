"""What the registry keeps of verdicts: a table on the challenger's run, and on its version what it was judged by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from math import isfinite
from typing import Final

from models.errors import ModelMissing
from models.registry import CHALLENGER, CHAMPION, registered
from models.tracking import Registry, client_of, writing_to
from training.promote.verdict import Verdict

JUDGED_TAG: Final = "rumbo.judged"
FOLDER: Final = "verdicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedOn:
    """Rows from `since` to `until` that a version was judged by, and the p-value that came of it."""

    since: str
    until: str
    p: float

    def overlaps(self, since: datetime, until: datetime) -> bool:
        return datetime.fromisoformat(self.since) <= until and since <= datetime.fromisoformat(self.until)


def number_of(registry: Registry, alias: str) -> str:
    """The version that has an alias. Raises: ModelMissing."""
    for one in registered(registry):
        if alias in one.aliases:
            return one.number
    hint = ": run `rumbo train`" if alias == CHALLENGER else ""
    if alias == CHAMPION:
        hint = ", for it was taken away: `rumbo promote VERSION --force` gives it to one"
    raise ModelMissing(f"no version of the model {registry.model} has the alias {alias}{hint}")


def p_values_beside(registry: Registry, number: str, since: datetime, until: datetime) -> tuple[float, ...]:
    """Of the other versions that were judged on some of these rows. Raises: RegistryUnusable."""
    with client_of(registry) as client:
        versions = list(client.search_model_versions(f"name = '{registry.model}'"))
    tags = [one.tags.get(JUDGED_TAG, "") for one in versions if str(one.version) != number]
    return tuple(judged.p for judged in _read(tags) if judged.overlaps(since, until))


def keep(registry: Registry, verdict: Verdict, now: datetime) -> None:
    """JSON and Markdown on the challenger's run, figures too; the rows on its version.

    Raises: RegistryUnusable, CannotWrite.
    """
    from mlflow.entities import Metric

    at = f"{now:%Y-%m-%dT%H-%M-%S}"
    found = verdict.difference
    with writing_to(registry), client_of(registry) as client:
        version = client.get_model_version(registry.model, verdict.challenger)
        if found is not None:
            judged = JudgedOn(since=verdict.since, until=verdict.until, p=found.p)
            client.set_model_version_tag(registry.model, verdict.challenger, JUDGED_TAG, json.dumps(asdict(judged)))
        if not version.run_id:
            return
        run_id, at_ms = version.run_id, int(now.timestamp() * 1000)
        client.log_text(run_id, json.dumps(verdict.document(), indent=1), f"{FOLDER}/{at}.json")
        client.log_text(run_id, verdict.markdown(), f"{FOLDER}/{at}.md")
        client.set_tag(run_id, "rumbo.verdict", verdict.result.value)
        if found is not None:
            figures = {"difference": found.value, "low": found.low, "high": found.high, "p": found.p}
            metrics = [Metric(f"promote.{name}", value, at_ms, verdict.decisions) for name, value in figures.items()]
            client.log_batch(run_id, metrics=[metric for metric in metrics if isfinite(metric.value)])


def _read(tags: list[str]) -> Iterator[JudgedOn]:
    for text in tags:
        try:
            yield JudgedOn(**json.loads(text))
        except (ValueError, TypeError):
            continue

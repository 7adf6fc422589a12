"""A contest as the gate of a company asks for it, from a command or in a simulation."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from models.tracking import Registry
from training.log.options import LogColumns
from training.promote.catalogue import plan_of
from training.promote.judge import Contender, Contest
from training.promote.kept import p_values_beside
from training.promote.replayed import constraints_kept


def contest_of(
    company: Path, registry: Registry, log: Path, challenger: Contender, champion: Contender, *, limit: float = 0.0
) -> Contest:
    """By the company's own catalogue, its replayed decisions, and the verdicts that its registry keeps of others.

    Raises: CompanyInvalid, CatalogueInvalid.
    """
    return Contest(
        log=log,
        columns=LogColumns(),
        challenger=challenger,
        champion=champion,
        constraints=partial(constraints_kept, company, registry.home, challenger.bundle),
        others=partial(p_values_beside, registry, challenger.number),
        limit=limit,
        plan=plan_of(company, registry.home),
    )

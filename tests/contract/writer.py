"""A process that writes until it is killed: `python -m tests.contract.writer ADAPTER PLACE NAME`.

Each line is an id whose commit, event or outcome was acknowledged before the line was written.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from service.state.port import Committed, OutcomeType, RowStatus
from tests.builders import NOW
from tests.contract.adapters import ADAPTERS, Store
from tests.contract.rows import capped, event, outcome, propose

CAP = 3
CUSTOMERS = 5


async def write_forever(state: Store, name: str) -> None:
    """Decisions on a few customers under a cap, each followed by an event and, when ranked, an outcome."""
    plan = capped(CAP)
    for step in range(1_000_000):
        decision_id, customer_id = f"d-{name}-{step}", f"c{step % CUSTOMERS}"
        now = NOW + timedelta(seconds=step)
        proposed = await propose(
            state, plan, decision_id=decision_id, customer_id=customer_id, channel="email", now=now
        )
        result = await state.commit(proposed, None)
        assert isinstance(result, Committed)
        _acknowledge(decision_id)
        row = event(f"e-{name}-{step}", "purchase", now, customer_id=customer_id, amount=1.0)
        assert (await state.record_events([row], now))[0].status is RowStatus.ACCEPTED
        _acknowledge(row.event_id)
        if result.decision.picks:
            shown = outcome(f"o-{name}-{step}", OutcomeType.PRESENTED, now, decision_id=decision_id)
            assert (await state.record_outcomes([shown], now))[0].status is RowStatus.ACCEPTED
            _acknowledge(shown.outcome_id)


def _acknowledge(row_id: str) -> None:
    sys.stdout.write(row_id + "\n")
    sys.stdout.flush()


async def _main(adapter: str, place: Path, name: str) -> None:
    await write_forever(await ADAPTERS[adapter](place), name)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))

"""What is asked of a decider, and on what it is known again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from features.values import Scalar
from service.application.hydrate import FactsRequest
from service.state.port import RequestKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A valid request for a decision. `limit` None asks for the channel's slots."""

    customer_id: str
    channel: str
    placement: str | None = None
    context: Mapping[str, Scalar]
    limit: int | None = None
    request_id: str | None = None
    is_dry_run: bool = False

    @property
    def facts_request(self) -> FactsRequest:
        return FactsRequest(
            customer_id=self.customer_id, channel=self.channel, placement=self.placement, context=self.context
        )

    @property
    def known_by(self) -> str | None:
        """The request id under which it is decided once; None for one that is decided as often as it is asked."""
        return None if self.is_dry_run else self.request_id

    @property
    def key(self) -> RequestKey | None:
        """`known_by`, and what may not change under it."""
        request_id = self.known_by
        return None if request_id is None else RequestKey(request_id=request_id, fingerprint=self.fingerprint())

    def fingerprint(self) -> str:
        """A hash of what may not change under one request id."""
        parameters = [self.channel, self.placement, sorted(self.context.items()), self.limit]
        return hashlib.sha256(json.dumps(parameters).encode()).hexdigest()

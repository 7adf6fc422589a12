"""The contacts of a customer by what rules ask of them, so that no rule looks at all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.decision.facts import Contact
from service.decision.journey import JourneyKind

KindOnChannel = tuple[JourneyKind, str]


@dataclass(frozen=True, slots=True, eq=False)
class ContactIndex:
    """`unpresented` are those that were reserved and never presented, whether or not they are reserved still."""

    by_journey: Mapping[str, Sequence[Contact]]
    by_kind: Mapping[KindOnChannel, Sequence[Contact]]
    unpresented: Sequence[Contact]

    @classmethod
    def of(cls, contacts: Iterable[Contact]) -> ContactIndex:
        """By its journey and channel first, which are cheaper to look up than its kind."""
        found = defaultdict[tuple[str, str], list[Contact]](list)
        unpresented = []
        for contact in contacts:
            found[contact.journey_id, contact.channel].append(contact)
            if contact.reserved_until is not None and not contact.is_presented:
                unpresented.append(contact)
        by_journey, by_kind = dict[str, list[Contact]](), dict[KindOnChannel, list[Contact]]()
        for (journey_id, channel), listed in found.items():
            by_journey.setdefault(journey_id, []).extend(listed)
            first = listed[0].kind
            if all(contact.kind is first for contact in listed):
                by_kind.setdefault((first, channel), []).extend(listed)
            else:
                for contact in listed:
                    by_kind.setdefault((contact.kind, channel), []).append(contact)
        return cls(by_journey, by_kind, unpresented)

    def plus(self, contacts: Iterable[Contact]) -> ContactIndex:
        """The same with these after the others."""
        by_journey, by_kind, unpresented = dict(self.by_journey), dict(self.by_kind), list(self.unpresented)
        for contact in contacts:
            key = contact.kind, contact.channel
            by_journey[contact.journey_id] = [*by_journey.get(contact.journey_id, ()), contact]
            by_kind[key] = [*by_kind.get(key, ()), contact]
            if contact.reserved_until is not None and not contact.is_presented:
                unpresented.append(contact)
        return ContactIndex(by_journey, by_kind, unpresented)

    def of_journey(self, journey_id: str) -> Sequence[Contact]:
        return self.by_journey.get(journey_id, ())

    def reserved(self, now: datetime) -> list[tuple[Contact, datetime]]:
        """Those whose reservation is open, neither presented nor given back, each with its end."""
        return [(c, end) for c in self.unpresented if (end := c.reserved_until) is not None and end > now]

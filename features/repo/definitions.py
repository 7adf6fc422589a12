"""All that `feast apply` registers, and the one module it reads here: see `.feastignore`.

Feast imports modules by their path in this folder. Were they read one by one, what they import from each other under
the name `features.repo` would be defined twice.
"""

from __future__ import annotations

from features.repo.behaviour import behaviour
from features.repo.customer import customer
from features.repo.facts import demographics, profile, purchases
from features.repo.services import redemption
from features.repo.situation import consents, consents_push, incidents, incidents_push

VIEWS = (demographics, profile, purchases, behaviour, incidents, consents)
"""In the order of the schema."""

OBJECTS = (customer, *VIEWS, incidents_push, consents_push, redemption)

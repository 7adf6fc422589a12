"""The RUMBO_ variables of the environment: one that means nothing is told by name, and never taken for set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from features.errors import RumboError

PREFIX: Final = "RUMBO_"
BESIDE_SETTINGS: Final = frozenset({"ADDRESS", "COMPANY", "PROPERTY_EXAMPLES", "BENCH_OUT"})
"""Of `rumbo decide`, of `rumbo features check`, and of this project's tests and benchmarks."""
_LINK: Final = re.compile(
    r"(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=.*|.*PORT=(tcp|udp|sctp)://.*"
)
"""What Kubernetes sets in every pod for a Service whose name begins with `rumbo`."""
_LIKENESS: Final = 0.75


class VariableUnknown(RumboError):
    """A variable is nearly a setting, or is one without a value: whoever set it believes that it holds."""


def strangers(environment: Mapping[str, str]) -> Iterator[str]:
    """A line for each RUMBO_ variable that is no setting, nor nearly one.

    Raises: VariableUnknown for one that is nearly a setting, or has no value.
    """
    named = sorted(name for name in environment if name.upper().startswith(PREFIX))
    if not named:
        return
    known = _known()
    for name in named:
        suffix = name.removeprefix(PREFIX)
        if suffix in known:
            if not environment[name]:
                raise VariableUnknown(f"{name} is empty: give it a value, or do not set it")
        elif not _LINK.fullmatch(f"{suffix}={environment[name]}"):
            if meant := get_close_matches(name[len(PREFIX) :].upper(), known, n=1, cutoff=_LIKENESS):
                raise VariableUnknown(f"{name} is no setting: did you mean {PREFIX}{meant[0]}?")
            yield f"{name} is no setting, and does nothing"


def _known() -> frozenset[str]:
    from service.settings import Settings

    return BESIDE_SETTINGS | {name.upper() for name in Settings.model_fields}

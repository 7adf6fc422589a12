"""What `rumbo doctor` looks at of where Rumbo writes and listens: home, store, model, consents, ports, clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Final

from service.commands.company.examination import Check, Found, Patient, doubt, fault, good

FAR: Final = timedelta(minutes=5)
"""A clock that is further away is told of; so far ahead events are taken as they come."""


def _home(patient: Patient) -> Found:
    from features.company.home import HomeCompany, demand_home_of
    from service.application.home_access import demand_own

    home = patient.settings.home
    demand_home_of(patient.company, home)
    known = HomeCompany.of(home)
    if known is None:
        return doubt(f"{home} is not made yet", "`rumbo serve` makes it")
    if told := demand_own(home, trusts_group=patient.settings.trust_group):
        return doubt(f"{home} of {known.name}", "; ".join(told))
    return good(f"{home} of {known.name}, its files are its owner's alone")


def _store(patient: Patient) -> Found:
    from service.state.engines.steps import HEAD, to_do

    status, retention = patient.store, patient.settings.retention
    kept = f"decisions are kept for {retention.decisions.days} days"
    if status is None:
        return doubt(f"none yet; {kept}", "`rumbo serve` makes it")
    text = f"{status.name}, step {status.step or 'none'}; {kept}"
    if status.step != HEAD:
        return fault(text, to_do(status.step))
    waiting, oldest = status.inventory.waiting, status.inventory.oldest_waiting_at
    if oldest is not None and patient.now - oldest > FAR:
        return doubt(f"{text}; {waiting} changes wait for Feast since {_instant(oldest)}", "see the service's log")
    return good(text)


def _model(patient: Patient) -> Found:
    from models.errors import ModelMissing, RegistryUnusable
    from service.bootstrap.parts import champion
    from service.decision.journey import JourneyKind

    try:
        bundle = champion(patient.settings)
    except RegistryUnusable as error:
        return fault(str(error))
    except ModelMissing as error:
        return good(f"none, so the priors of policies.yaml order the journeys ({error})")
    text = f"{bundle.version}, {len(bundle.encoder.columns)} columns, {len(bundle.history)} journeys"
    if misfits := bundle.misfits(patient.terms.schema, frozenset(JourneyKind)):
        return fault(f"{text}; {'; '.join(misfits)}", "run `rumbo train`")
    return good(text)


def _consents(patient: Patient) -> Found:
    if patient.policies is None:
        return doubt(
            "which purposes there are is not known: policies.yaml cannot be read", "see `rumbo catalogue check`"
        )
    pairs = [(p, c) for p in patient.policies.purposes for c in patient.policies.channels]
    if not pairs:
        return good("no purpose is declared, so none is asked for")
    known = {} if patient.store is None else patient.heard.consents
    text = ", ".join(f"{purpose} on {channel} {known.get((purpose, channel), 0):,}" for purpose, channel in pairs)
    if any(known.get(pair) for pair in pairs):
        return good(f"customers by purpose and channel: {text}")
    return doubt(
        "nobody has consented to anything, so nothing promotional is ever shown",
        "send consent.granted, or `rumbo events load` what is known",
    )


def _ports(patient: Patient) -> Found:
    from service.wire.client import serves

    settings = patient.settings
    asked = [("--port", settings.port), ("--metrics-port", settings.metrics_port)]
    taken = [(option, port) for option, port in asked if port and not _is_free(settings.host, port)]
    told = ", ".join(f"{settings.host}:{port or 'any'}" for _, port in asked if port is not None)
    if not taken:
        return good(f"{told} {'is' if settings.metrics_port is None else 'are'} free")
    if taken[0][0] == "--port" and serves(settings.address):
        return good(f"a service answers at {settings.address}")
    option, port = taken[0]
    return fault(f"{settings.host}:{port} is taken by another program", f"end it, or say {option}")


def _is_free(host: str, port: int) -> bool:
    import socket

    ((family, kind, protocol, _, address), *_) = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    with closing(socket.socket(family, kind, protocol)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def _clock(patient: Patient) -> Found:
    told = list(_newest(patient))
    ahead = [f"{what} is {_length(at - patient.now)} ahead" for what, at in told if at - patient.now > FAR]
    behind = [f"{what} is {_length(patient.now - at)} old" for what, at in told if patient.now - at > FAR]
    text = "; ".join([_instant(patient.now), *ahead, *behind])
    if ahead:
        return doubt(text, "set the clock of this machine, or of what wrote them")
    return good(text)


def _newest(patient: Patient) -> Iterator[tuple[str, datetime]]:
    """What can be had of it: other checks say what cannot."""
    from contextlib import suppress

    with suppress(Exception):
        if patient.store is not None and (at := patient.heard.received_at) is not None:
            yield "the newest row of the store", at
    with suppress(Exception):
        if patient.sample is not None:
            yield "the newest fact of the features", patient.sample.newest_at


def _length(length: timedelta) -> str:
    minutes = int(length / timedelta(minutes=1))
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


KEPT = (
    Check(name="home", find=_home, needs=("company",)),
    Check(name="store", find=_store, needs=("company", "home")),
    Check(name="model", find=_model, needs=("company", "registry", "events", "home")),
    Check(name="consents", find=_consents, needs=("company", "home", "store")),
    Check(name="ports", find=_ports),
    Check(name="clock", find=_clock),
)

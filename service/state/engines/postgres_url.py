"""What `RUMBO_STATE_URL` says, read once by one set of rules, which are those of libpq's URLs made strict.

A fault names the part that is wrong and what to write. It quotes nothing: in a URL that is not understood any part may
be part of the password. Where the database lies is said by the URL alone; a password or TLS files may come from
libpq's own variables (`PGPASSWORD`, `PGPASSFILE`, `PGSSLROOTCERT`, …).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from service.state.port import StateUnavailable

FORM = "postgresql://user:password@host:port/database"
OF_RUMBO = frozenset(
    {
        "client_encoding",
        "default_transaction_deferrable",
        "default_transaction_isolation",
        "default_transaction_read_only",
        "extra_float_digits",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "lock_timeout",
        "row_security",
        "statement_timeout",
        "synchronous_commit",
        "transaction_timeout",
    }
)
"""Settings of a session that are set for each connection, so that the URL may not set them."""
PARAMETERS = frozenset(
    {
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "dbname",
        "gssdelegation",
        "gssencmode",
        "gsslib",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "max_protocol_version",
        "min_protocol_version",
        "options",
        "passfile",
        "password",
        "port",
        "require_auth",
        "requirepeer",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcompression",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    }
)
"""What may stand after the `?`: as libpq names it."""
_DEFAULTS: Mapping[str, str] = {
    "hostaddr": "",
    "options": "",
    "port": "5432",
    "application_name": "rumbo",
    "connect_timeout": "5",
    "target_session_attrs": "read-write",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""In place of libpq's own and of its variables. A machine that is gone without a word is noticed in ten seconds."""
_WRITES = ("read-write", "primary")
_LONGEST_CONNECT_S = 60


class UrlInvalid(StateUnavailable):
    """The URL of the state store is none that can be used."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"RUMBO_STATE_URL {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresUrl:
    """A database: `parameters` are what libpq is given, `settings` what each session is to have set."""

    parameters: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, str]

    @property
    def connect_s(self) -> int:
        """How long a new connection may take until its first question is answered."""
        return int(self.parameters["connect_timeout"])

    @classmethod
    def read(cls, text: str) -> PostgresUrl:
        """A blank or line break around it, as files of secrets end with, is no part of it. Raises: UrlInvalid."""
        url = text.strip()
        _check_form(url)
        place, _, query = _behind_credentials(url).partition("?")
        said = _together([*_credentials(url), *_place(place), *_query(query)])
        for name, check in _CHECKS.items():
            if name in said:
                check(said[name])
        _demand_all(said)
        settings = _settings(said.pop("options", ""))
        return cls(parameters=MappingProxyType({**_DEFAULTS, **said, "client_encoding": "UTF8"}), settings=settings)


def _check_form(url: str) -> None:
    if not url:
        raise UrlInvalid(f"is empty: write {FORM}, or unset it to keep the state in a file of the home")
    if not all(c.isprintable() and not c.isspace() for c in url):
        raise UrlInvalid("holds a blank or a control character: write a blank as %20")
    if re.match(r"postgres(ql)?\+\w+://", url, re.IGNORECASE):
        raise UrlInvalid("names a driver in its scheme: write postgresql:// without it")
    if not re.match(r"postgres(ql)?://", url):
        raise UrlInvalid(f"does not begin with postgresql://: write {FORM}")
    if re.search(r"%(?![0-9A-Fa-f]{2})", url):
        raise UrlInvalid("holds a % that two hexadecimal digits do not follow: write % as %25")
    if "%00" in url:
        raise UrlInvalid("holds %00, which no part of it may")
    authority, _, behind = _rest(url).partition("/")
    if "@" in behind:
        raise UrlInvalid("holds an @ behind its first /: in user and password write / as %2F and @ as %40")
    if authority.count("@") > 1:
        raise UrlInvalid("holds more than one @ before its host: in user and password write @ as %40")


def _rest(url: str) -> str:
    return url.partition("://")[2]


def _behind_credentials(url: str) -> str:
    rest = _rest(url)
    return rest.partition("@")[2] if "@" in rest else rest


def _credentials(url: str) -> Iterator[tuple[str, str]]:
    before, at, _ = _rest(url).partition("@")
    user, colon, password = before.partition(":") if at else ("", "", "")
    if user:
        yield "user", _decoded(user, "user")
    if colon:
        yield "password", _decoded(password, "password")


def _place(place: str) -> Iterator[tuple[str, str]]:
    """One or more hosts, each with its port, and the database."""
    hosts, _, database = place.partition("/")
    if hosts:
        parts = [_host_and_port(host) for host in hosts.split(",")]
        yield "host", ",".join(host for host, _ in parts)
        if any(port for _, port in parts):
            yield "port", ",".join(port or _DEFAULTS["port"] for _, port in parts)
    if database:
        yield "dbname", _decoded(database, "database")


def _host_and_port(text: str) -> tuple[str, str]:
    named = re.fullmatch(r"\[([^\[\]]+)\](?::(.*))?", text) or re.fullmatch(r"([^:\[\]]*)(?::([^:]*))?", text)
    if named is None:
        raise UrlInvalid("has a host that cannot be read: write an IPv6 address as [::1], its port behind it as :5432")
    return _decoded(named[1], "host"), named[2] or ""


def _query(query: str) -> Iterator[tuple[str, str]]:
    for position, pair in enumerate(query.split("&") if query else [], start=1):
        name, equals, value = pair.partition("=")
        if not equals or "=" in value:
            fault = "is not name=value: write = in a value as %3D, & as %26"
        elif name not in PARAMETERS:
            fault = f"has a name that is not known here; known are {', '.join(sorted(PARAMETERS - {'service'}))}"
        else:
            yield name, _decoded(value, name)
            continue
        raise UrlInvalid(f"has parameters behind its ?, of which number {position} {fault}")


def _together(said: list[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _ in said]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UrlInvalid(f"names its {twice} twice")
    return dict(said)


def _demand_all(said: Mapping[str, str]) -> None:
    """What libpq would fill in by itself: differently for each user and machine."""
    for name, part in (("user", "user"), ("dbname", "database")):
        if not said.get(name):
            raise UrlInvalid(f"names no {part}: write {FORM}")
    hosts = (said.get("host") or said.get("hostaddr") or "").split(",")
    if not all(hosts):
        raise UrlInvalid(f"names no host: write {FORM}, or ?host=/folder for a socket in a folder of this machine")


def _check_port(ports: str) -> None:
    for port in ports.split(","):
        if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
            raise UrlInvalid("has a port that is no number from 1 to 65535; a : in the password is written %3A")


def _check_connect_timeout(value: str) -> None:
    if not re.fullmatch(r"[0-9]{1,2}", value) or not 1 <= int(value) <= _LONGEST_CONNECT_S:
        raise UrlInvalid(f"has a connect_timeout that is no number of seconds from 1 to {_LONGEST_CONNECT_S}")


def _check_encoding(value: str) -> None:
    if re.sub(r"[^a-z0-9]", "", value.lower()) not in ("utf8", "unicode"):
        raise UrlInvalid("has a client_encoding: leave it out, it is always UTF8")


def _check_target(value: str) -> None:
    if value not in _WRITES:
        raise UrlInvalid(
            f"has target_session_attrs that allow a standby: write {' or '.join(_WRITES)}, or leave it out"
        )


def _refuse_service(value: str) -> None:
    raise UrlInvalid(f"names a service of libpq, which may say anything: write {FORM}")


_CHECKS: Mapping[str, Callable[[str], None]] = {
    "port": _check_port,
    "connect_timeout": _check_connect_timeout,
    "client_encoding": _check_encoding,
    "target_session_attrs": _check_target,
    "service": _refuse_service,
}


def _settings(options: str) -> Mapping[str, str]:
    """The settings of `options`, as `-c name=value` or `--name=value`, by their names."""
    words, settings = _words(options), dict[str, str]()
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word = "-c" + words.pop(0)
        found = re.fullmatch(r"(?:-c|--)([A-Za-z_][\w.-]*)=(.*)", word, re.DOTALL)
        if found is None:
            raise UrlInvalid("has options that hold more than -c name=value, written -c%20name%3Dvalue")
        name = found[1].replace("-", "_").lower()
        if name in OF_RUMBO:
            raise UrlInvalid(f"has options that set {name}, which is set for every connection: leave it out")
        settings[name] = found[2]
    return MappingProxyType(settings)


def _words(options: str) -> list[str]:
    r"""The words as PostgreSQL splits them: at blanks, except those after a \."""
    found = re.findall(r"(?:\\.|[^\s\\])+", options, re.DOTALL)
    return [re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL) for word in found]


def _decoded(text: str, part: str) -> str:
    raw = unquote_to_bytes(text)
    if raw.decode("utf-8", errors="ignore").encode() != raw:
        raise UrlInvalid(f"has a {part} whose percent-encoded bytes are no UTF-8")
    return raw.decode()

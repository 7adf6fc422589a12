"""What RUMBO_STATE_URL may say: read as libpq reads it, or refused by the name of the part, without a word of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from service.cli import main
from service.settings import Settings
from service.state.engines.engine import Durability
from service.state.engines.postgres_connection import session_settings
from service.state.engines.postgres_url import OF_RUMBO, PostgresUrl, UrlInvalid

SECRET = ("hush", "4711")
"""Two parts of each password here, of which no text may hold one."""
SAID = ("host", "port", "user", "password", "dbname", "hostaddr", "sslmode", "application_name", "connect_timeout")

ACCEPTED: dict[str, dict[str, str]] = {
    "postgresql://rumbo:hush4711@db.example/state": {
        "user": "rumbo",
        "password": "hush4711",
        "host": "db.example",
        "port": "5432",
        "dbname": "state",
        "application_name": "rumbo",
        "connect_timeout": "5",
        "target_session_attrs": "read-write",
        "client_encoding": "UTF8",
    },
    "postgres://rumbo@db/state": {"user": "rumbo", "host": "db", "dbname": "state"},
    "  postgresql://rumbo@db/state\r\n": {"dbname": "state"},
    "postgresql://rumbo:hush:4711?#[]&=@db:1/state": {"password": "hush:4711?#[]&=", "host": "db", "port": "1"},
    "postgresql://rumbo:hush%40%2F%25%3a4711@db:65535/state": {"password": "hush@/%:4711", "port": "65535"},
    "postgresql://%C3%81na:h%C3%BCsh@db/state%20one": {"user": "Ána", "password": "hüsh", "dbname": "state one"},
    "postgresql://rumbo@[::1]:5433/state": {"host": "::1", "port": "5433"},
    "postgresql://rumbo@[fe80::1%25eth0]/state": {"host": "fe80::1%eth0"},
    "postgresql://rumbo@one,two:5433,[::1]/state": {"host": "one,two,::1", "port": "5432,5433,5432"},
    "postgresql://rumbo@/state?host=/run/postgresql": {"host": "/run/postgresql", "port": "5432"},
    "postgresql://rumbo@%2Frun%2Fpostgresql/state": {"host": "/run/postgresql"},
    "postgresql:///state?user=rumbo&password=hush%264711&host=db&port=5433": {"password": "hush&4711", "port": "5433"},
    "postgresql://rumbo@db/state?sslmode=verify-full&application_name=front&connect_timeout=9": {
        "sslmode": "verify-full",
        "application_name": "front",
        "connect_timeout": "9",
    },
    "postgresql://rumbo@db/state?target_session_attrs=primary": {"target_session_attrs": "primary"},
    "postgresql://rumbo@db/state?client_encoding=utf-8": {"client_encoding": "UTF8"},
    "postgresql://rumbo@db/state?keepalives_idle=60": {"keepalives_idle": "60", "keepalives_count": "3"},
}

OPTIONS: dict[str, dict[str, str]] = {
    "-c%20search_path%3Drumbo": {"search_path": "rumbo"},
    "-csearch_path%3Drumbo%2Cpublic%20--work-mem%3D8MB": {"search_path": "rumbo,public", "work_mem": "8MB"},
    r"-c%20search_path%3Drumbo,%5C%20public": {"search_path": "rumbo, public"},
    "": {},
}

REFUSED: dict[str, str] = {
    "": "is empty",
    " \n": "is empty",
    "hush4711": "does not begin with postgresql://",
    "host=db user=rumbo password=hush4711 dbname=state": "holds a blank",
    "password=hush4711": "does not begin with postgresql://",
    "mysql://rumbo:hush4711@db/state": "does not begin with postgresql://",
    "POSTGRESQL://rumbo:hush4711@db/state": "does not begin with postgresql://",
    "postgresql+psycopg://rumbo:hush4711@db/state": "names a driver in its scheme",
    "postgres+asyncpg://rumbo:hush4711@db/state": "names a driver in its scheme",
    "postgresql://rumbo:hush@4711@db/state": "more than one @ before its host",
    "postgresql://rumbo:hush/4711@db/state": "an @ behind its first /",
    "postgresql://rumbo:hush@4711/x@db/state": "an @ behind its first /",
    "postgresql://rumbo:hush 4711@db/state": "holds a blank",
    "postgresql://rumbo:hush\n4711@db/state": "holds a blank or a control character",
    "postgresql://rumbo:hush\x004711@db/state": "a control character",
    "postgresql://rumbo:hush%4711%@db/state": "holds a %",
    "postgresql://rumbo:hush%zz4711@db/state": "holds a %",
    "postgresql://rumbo:hush%004711@db/state": "holds %00",
    "postgresql://rumbo:hush%ff4711@db/state": "has a password whose percent-encoded bytes are no UTF-8",
    "postgresql://hush4711/state": "names no user",
    "postgresql://:hush4711@db/state": "names no user",
    "postgresql://rumbo:hush4711@db": "names no database",
    "postgresql://rumbo:hush4711@db/": "names no database",
    "postgresql://rumbo:hush4711@db?sslmode=require": "names no database",
    "postgresql://rumbo:hush4711@/state": "names no host",
    "postgresql://rumbo:hush4711@:5432/state": "names no host",
    "postgresql://rumbo:hush4711@one,,two/state": "names no host",
    "postgresql://": "names no user",
    "postgresql://rumbo:hush4711@db:0/state": "port that is no number from 1 to 65535",
    "postgresql://rumbo:hush4711@db:65536/state": "port that is no number from 1 to 65535",
    "postgresql://rumbo:hush4711@db:54e2/state": "port that is no number from 1 to 65535",
    "postgresql://rumbo:hush4711@db:٥٤٣٢/state": "port that is no number from 1 to 65535",
    "postgresql://rumbo:hush4711@one:1,two:0/state": "port that is no number from 1 to 65535",
    "postgresql://rumbo:hush4711/state": "port that is no number from 1 to 65535",
    "postgresql://rumbo:hush4711@::1/state": "a host that cannot be read",
    "postgresql://rumbo:hush4711@[::1/state": "a host that cannot be read",
    "postgresql://rumbo:hush4711@[/state": "a host that cannot be read",
    "postgresql://rumbo@db/state?password=hush&4711": "number 2 is not name=value",
    "postgresql://rumbo@db/state?password=hush&4711=1": "number 2 has a name that is not known",
    "postgresql://rumbo@db/state?password=hush=4711": "number 1 is not name=value",
    "postgresql://rumbo:hush4711@db/state?sslmod=require": "number 1 has a name that is not known",
    "postgresql://rumbo:hush4711@db/state?sslmode=require&": "number 2 is not name=value",
    "postgresql://rumbo:hush4711@db/state?password=4711": "names its password twice",
    "postgresql://rumbo:hush4711@db/state?host=other": "names its host twice",
    "postgresql://rumbo:hush4711@db:1/state?port=2": "names its port twice",
    "postgresql://rumbo:hush4711@db/state?service=hush": "names a service of libpq",
    "postgresql://rumbo:hush4711@db/state?client_encoding=latin1": "has a client_encoding",
    "postgresql://rumbo:hush4711@db/state?connect_timeout=0": "has a connect_timeout",
    "postgresql://rumbo:hush4711@db/state?connect_timeout=soon": "has a connect_timeout",
    "postgresql://rumbo:hush4711@db/state?target_session_attrs=any": "target_session_attrs that allow a standby",
    "postgresql://rumbo:hush4711@db/state?target_session_attrs=prefer-standby": "that allow a standby",
    "postgresql://rumbo:hush4711@db/state?options=-c%20statement_timeout%3D0": "options that set statement_timeout",
    "postgresql://rumbo:hush4711@db/state?options=--row-security%3Don": "options that set row_security",
    "postgresql://rumbo:hush4711@db/state?options=-cSynchronous_Commit%3Doff": "options that set synchronous_commit",
    "postgresql://rumbo:hush4711@db/state?options=-d%205": "options that hold more than -c name=value",
    "postgresql://rumbo:hush4711@db/state?options=-c%20hush": "options that hold more than -c name=value",
    "postgresql://rumbo:hush4711@db/state?options=-c": "options that hold more than -c name=value",
}
REFUSALS = pytest.mark.parametrize(("url", "fault"), REFUSED.items(), ids=range(len(REFUSED)))


@pytest.mark.parametrize(("url", "said"), ACCEPTED.items(), ids=range(len(ACCEPTED)))
def test_a_url_gives_these_parameters(url: str, said: dict[str, str]) -> None:
    parameters = PostgresUrl.read(url).parameters
    assert {name: parameters[name] for name in said} == said


@pytest.mark.parametrize("url", ACCEPTED, ids=range(len(ACCEPTED)))
def test_a_url_is_read_as_libpq_reads_it(url: str) -> None:
    read, of_libpq = PostgresUrl.read(url).parameters, conninfo_to_dict(url.strip())
    if "," in str(of_libpq.get("port")):  # libpq leaves its default out
        of_libpq["port"] = ",".join(port or "5432" for port in str(of_libpq["port"]).split(","))
    assert {name: read[name] for name in SAID if name in of_libpq} == {n: of_libpq[n] for n in SAID if n in of_libpq}


@pytest.mark.parametrize(("options", "settings"), OPTIONS.items(), ids=range(len(OPTIONS)))
def test_options_are_settings_of_every_session(options: str, settings: dict[str, str]) -> None:
    assert PostgresUrl.read(f"postgresql://rumbo@db/state?options={options}").settings == settings


def test_what_a_session_has_set_is_what_a_url_may_not_set() -> None:
    """Beside what the start of a connection sets, and what its operator decides."""
    own = session_settings(Durability.POWER_SAFE, "read committed").keys()
    assert own | {"client_encoding", "default_transaction_read_only"} == OF_RUMBO


def leaked(error: BaseException) -> list[str]:
    """Parts of the password in any text of an error or of what led to it."""
    texts, told = list[str](), [error]
    while told:
        one = told.pop()
        texts += [str(one), repr(one)]
        told += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
    return [part for part in SECRET for text in texts if part in text]


@REFUSALS
def test_a_url_that_cannot_be_used_is_refused_by_its_part(url: str, fault: str) -> None:
    with pytest.raises(UrlInvalid, match=r"^RUMBO_STATE_URL ") as refused:
        PostgresUrl.read(url)
    assert fault in str(refused.value)
    assert leaked(refused.value) == []


@REFUSALS
def test_settings_refuse_it_before_anything_is_opened(url: str, fault: str) -> None:
    with pytest.raises(UrlInvalid) as refused:
        Settings(state_url=url)  # type: ignore[arg-type]
    assert fault in str(refused.value)
    assert leaked(refused.value) == []


COMMANDS: list[list[str]] = [
    ["serve", "--port", "0"],
    ["seed"],
    ["kill", "*", "--why", "a test"],
    ["unkill", "*"],
    ["kills"],
    ["state", "status"],
    ["state", "migrate"],
    ["state", "prune"],
    ["state", "export", "--since", "2018-01-01", "--to", "out"],
    ["state", "import", "."],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("url", ["", "postgresql://rumbo:hush@4711@db/state"], ids=["empty", "at"])
def test_every_command_refuses_it_in_one_line(command: list[str], url: str, tmp_path: Path) -> None:
    result = CliRunner(env={"RUMBO_STATE_URL": url}).invoke(main, [*command, "--home", str(tmp_path)])
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1), result.output
    assert result.output.startswith("Error: RUMBO_STATE_URL ")
    assert not any(part in result.output for part in SECRET)


def test_nothing_shows_the_password() -> None:
    url = "postgresql://rumbo:hush4711@db/state"
    for shown in (repr(PostgresUrl.read(url)), repr(Settings(state_url=url)), str(Settings(state_url=url))):  # type: ignore[arg-type]
        assert not any(part in shown for part in SECRET)


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)


@given(user=texts, password=texts, database=texts)
def test_what_is_percent_encoded_arrives_as_it_was(user: str, password: str, database: str) -> None:
    parts = [quote(part, safe="") for part in (user, password, database)]
    read = PostgresUrl.read("postgresql://{}:{}@db/{}".format(*parts)).parameters
    assert (read["user"], read["password"], read["dbname"]) == (user, password, database)


@given(st.text("hp:/?#[]@%&=,+ 41az", max_size=24).map(lambda middle: f"hush{middle}4711"), st.booleans())
def test_any_password_as_it_is_arrives_or_is_refused_without_a_word_of_it(password: str, in_query: bool) -> None:
    url = f"postgresql://u:{password}@db/s" if not in_query else f"postgresql://u@db/s?password={password}"
    read = read_or_refused(url)
    if isinstance(read, UrlInvalid):
        assert leaked(read) == []
    else:
        assert conninfo_to_dict(url)["password"] == read.parameters["password"]
        assert (read.parameters["host"], read.parameters["dbname"]) == ("db", "s")


def read_or_refused(url: str) -> PostgresUrl | UrlInvalid:
    try:
        return PostgresUrl.read(url)
    except UrlInvalid as error:
        return error


@given(st.text("hp:/?#[]@%&=,+41az", max_size=30))
def test_no_text_is_read_otherwise_than_by_libpq(text: str) -> None:
    """What libpq refuses is refused, and what is accepted means the same."""
    url = f"postgresql://{text}"
    read = read_or_refused(url)
    if isinstance(read, PostgresUrl):
        of_libpq = conninfo_to_dict(url)
        for name in ("user", "password", "host", "dbname"):
            assert read.parameters.get(name) == of_libpq.get(name), url

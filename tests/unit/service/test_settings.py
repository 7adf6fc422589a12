"""Settings reach every command: an option wins over its RUMBO_ variable, which wins over the default."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from service.cli import main
from service.commands.options import OPTIONS, chosen
from service.commands.serve import serve
from service.commands.variables import VariableUnknown, strangers
from service.settings import SettingInvalid, Settings
from service.state.engines.engine import Durability
from tests.example import COMPANY, EXAMPLE

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A value that is not the default, as text and as it is read."""

    text: str
    value: object


def days(count: int) -> Sample:
    return Sample(text=str(count), value=count)


SAMPLES: Mapping[str, Sample] = {
    "company": Sample(text="mybank", value=Path("mybank")),
    "home": Sample(text="elsewhere", value=Path("elsewhere")),
    "catalogue": Sample(text=str(HERE), value=HERE),
    "host": Sample(text="127.0.0.2", value="127.0.0.2"),
    "port": Sample(text="6000", value=6000),
    "metrics_port": Sample(text="6001", value=6001),
    "workers": Sample(text="3", value=3),
    "connection_age_s": Sample(text="90.5", value=90.5),
    "durability": Sample(text="process-safe", value=Durability.PROCESS_SAFE),
    "state_url": Sample(text="postgresql://a:b@c/d", value=SecretStr("postgresql://a:b@c/d")),
    "allow_unrecorded": Sample(text="true", value=True),
    "trust_group": Sample(text="true", value=True),
    "drain_s": Sample(text="2.5", value=2.5),
    "notice_s": Sample(text="0.5", value=0.5),
    "max_calls_decide": Sample(text="11", value=11),
    "min_calls_decide": Sample(text="7", value=7),
    "max_wait_decide_s": Sample(text="0.25", value=0.25),
    "max_calls_record_events": Sample(text="12", value=12),
    "max_calls_record_outcomes": Sample(text="13", value=13),
    "max_calls_get_decision": Sample(text="14", value=14),
    "max_calls_large": Sample(text="15", value=15),
    "keep_decisions_days": days(300),
    "keep_contacts_days": days(500),
    "keep_outcomes_days": days(501),
    "keep_events_days": days(301),
    "keep_moves_days": days(302),
    "keep_pool_uses_days": days(8),
    "keep_catalogues_days": days(31),
}

ARGUMENTS = {
    "kill": ["news", "--why", "x"],
    "unkill": ["news"],
    "catalogue explain": ["news", "--customer", "1", "--channel", "web"],
    "events load": [__file__],
    "state export": ["--since", "2026-11-01", "--to", "out"],
    "state import": [str(HERE)],
    "state backup": ["copy.db"],
    "state restore": ["copy.db"],
    "promote": ["1"],
}
"""What commands demand beside their settings."""

WITHOUT_SETTINGS = {"demo", "train", "promote", "rollback", "features check", "features schema", "catalogue test"}
"""These read a home alone; what `demo` starts reads the rest."""


def commands(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def is_of_a_home(command: click.Command) -> bool:
    """`catalogue check` looks at a home only if it is given one."""
    return any(parameter.name == "home" and parameter.envvar == "RUMBO_HOME" for parameter in command.params)


OF_A_HOME = [(name, command) for name, command in commands(main) if is_of_a_home(command)]
READERS = [pytest.param(c, ARGUMENTS.get(n, []), id=n) for n, c in OF_A_HOME if n not in WITHOUT_SETTINGS]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RUMBO_")]:
        monkeypatch.delenv(name)


def settings_of(command: click.Command, arguments: list[str]) -> Settings:
    """What the command is given, without running it."""
    context = command.make_context(command.name, list(arguments))
    return chosen({name: context.params[name] for name in OPTIONS if name in context.params})


def test_every_setting_has_a_sample_that_is_not_its_default() -> None:
    assert SAMPLES.keys() == Settings.model_fields.keys()
    for name, sample in SAMPLES.items():
        assert Settings.model_fields[name].default != sample.value


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize(("command", "arguments"), READERS)
def test_a_variable_takes_effect_in_every_command(
    command: click.Command, arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RUMBO_{name.upper()}", SAMPLES[name].text)
    assert getattr(settings_of(command, arguments), name) == SAMPLES[name].value


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize(("command", "arguments"), READERS)
def test_without_variable_and_option_the_default_holds(command: click.Command, arguments: list[str], name: str) -> None:
    assert getattr(settings_of(command, arguments), name) == getattr(Settings(), name)


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name in OPTIONS])
def test_an_option_wins_over_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    others: dict[str, Any] = {
        "company": "other",
        "home": "other",
        "catalogue": str(EXAMPLE),
        "host": "127.0.0.3",
        "port": "6002",
        "metrics_port": "6003",
        "workers": "4",
        "durability": "power-safe",
    }
    monkeypatch.setenv(f"RUMBO_{name.upper()}", others[name])
    chosen_by_option = settings_of(serve, [f"--{name.replace('_', '-')}", SAMPLES[name].text])
    assert getattr(chosen_by_option, name) == SAMPLES[name].value


@pytest.mark.parametrize(("name", "command"), [(n, c) for n, c in OF_A_HOME if n in WITHOUT_SETTINGS])
def test_commands_that_only_have_a_home_find_it_by_its_variable(
    name: str, command: click.Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    demanded = ARGUMENTS.get(name, [])
    assert command.make_context(name, [*demanded]).params["home"] is None
    monkeypatch.setenv("RUMBO_HOME", "elsewhere")
    assert command.make_context(name, [*demanded]).params["home"] == Path("elsewhere")
    assert command.make_context(name, [*demanded, "--home", "here"]).params["home"] == Path("here")


def test_the_cases_that_are_tested_without_naming_a_folder_are_those_of_the_variable(tmp_path: Path) -> None:
    """Not those of the company, which say nothing of the catalogue that is served."""
    env = {"RUMBO_CATALOGUE": str(tmp_path), "RUMBO_COMPANY": str(COMPANY)}
    tested = CliRunner(env=env).invoke(main, ["catalogue", "test"])
    assert tested.exit_code == 1
    assert str(tmp_path) in tested.output


@pytest.mark.parametrize(
    ("host", "port", "found"),
    [
        ("127.0.0.1", "50051", "127.0.0.1:50051"),
        ("127.0.0.2", "6000", "127.0.0.2:6000"),
        ("0.0.0.0", "6000", "127.0.0.1:6000"),
        ("[::]", "6000", "[::1]:6000"),
    ],
)
def test_a_caller_finds_the_service_by_the_variables_that_say_where_it_listens(
    host: str, port: str, found: str
) -> None:
    assert Settings(host=host, port=int(port)).address == found


@pytest.mark.parametrize("option", ["host", "port", "durability"])
def test_help_shows_the_default_of_the_settings(option: str) -> None:
    (shown,) = [p.show_default for p in serve.params if isinstance(p, click.Option) and p.name == option]
    assert shown == str(Settings.model_fields[option].get_default(call_default_factory=True))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RUMBO_CATALOUGE", "RUMBO_CATALOGUE"),
        ("RUMBO_CATALOG", "RUMBO_CATALOGUE"),
        ("RUMBO_STATEURL", "RUMBO_STATE_URL"),
        ("RUMBO_KEEP_EVENT_DAYS", "RUMBO_KEEP_EVENTS_DAYS"),
        ("RUMBO_METRIC_PORT", "RUMBO_METRICS_PORT"),
        ("RUMBO_ADRESS", "RUMBO_ADDRESS"),
        ("RUMBO_DURABILTY", "RUMBO_DURABILITY"),
        ("rumbo_home", "RUMBO_HOME"),
    ],
)
def test_a_variable_that_is_nearly_a_setting_is_refused_by_name(name: str, meant: str) -> None:
    """Whoever wrote it believes that it holds, and the example's journeys would be served in place of theirs."""
    with pytest.raises(VariableUnknown, match=rf"^{name} .*{meant}\?$"):
        list(strangers({name: "secret"}))
    refused = CliRunner(env={name: "secret"}).invoke(main, ["kills"])
    assert refused.exit_code == 1
    assert refused.output.startswith(f"Error: {name} is no setting")
    assert "secret" not in refused.output


def test_a_variable_that_is_no_setting_at_all_is_told_and_nothing_else_changes(tmp_path: Path) -> None:
    told = CliRunner(env={"RUMBO_COLOUR": "blue"}).invoke(main, ["kills", "--home", str(tmp_path)])
    assert told.stderr.splitlines()[0] == "warning: RUMBO_COLOUR is no setting, and does nothing"
    assert told.stderr.splitlines()[1].startswith("Error: there is no state store")


@pytest.mark.parametrize("name", [f"RUMBO_{name.upper()}" for name in Settings.model_fields] + ["RUMBO_ADDRESS"])
def test_a_variable_without_a_value_is_refused_by_name(name: str) -> None:
    """A path of no letters would be the folder in which somebody happens to stand."""
    with pytest.raises(VariableUnknown, match=f"^{name} is empty"):
        list(strangers({name: ""}))


@pytest.mark.parametrize("command", ["serve", "train", "kills", "demo"])
def test_a_home_without_a_name_is_refused(command: str) -> None:
    refused = CliRunner().invoke(main, [command, "--home", ""])
    assert refused.exit_code == 2
    assert "'--home': it is empty" in refused.output


def test_what_kubernetes_sets_beside_a_service_named_rumbo_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pod of the namespace gets these."""
    links = {
        "RUMBO_SERVICE_HOST": "10.0.0.5",
        "RUMBO_SERVICE_PORT": "50051",
        "RUMBO_SERVICE_PORT_GRPC": "50051",
        "RUMBO_PORT": "tcp://10.0.0.5:50051",
        "RUMBO_PORT_50051_TCP": "tcp://10.0.0.5:50051",
        "RUMBO_PORT_50051_TCP_PROTO": "tcp",
        "RUMBO_PORT_50051_TCP_PORT": "50051",
        "RUMBO_PORT_50051_TCP_ADDR": "10.0.0.5",
        "RUMBO_METRICS_SERVICE_HOST": "10.0.0.6",
        "RUMBO_METRICS_PORT": "tcp://10.0.0.6:9090",
    }
    for name, value in links.items():
        monkeypatch.setenv(name, value)
    assert list(strangers(os.environ)) == []
    assert (Settings().port, Settings().metrics_port) == (50051, None)


@pytest.mark.parametrize("value", ["70000", "tcp:/x", "many"])
def test_a_port_that_is_none_is_refused_all_the_same(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUMBO_PORT", value)
    with pytest.raises(SettingInvalid, match="RUMBO_PORT"):
        Settings()

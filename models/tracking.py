"""Where the models of a home are kept: MLflow on SQLite inside of the home, or on the server that rumbo.yaml names."""

from __future__ import annotations

import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from features.company.company import Company
from features.errors import CannotWrite
from features.files import writing
from models.errors import NothingTrained, RegistryUnusable

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SQLITE = "sqlite:///"

MLFLOW_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
}
"""MLflow and its libraries read these at import: nothing is sent anywhere, no git is looked for, no connection is
kept, so that a database that was put in place of another is seen, what libraries log goes where the rest goes, a
server that is away is waited for seconds, not minutes, and no model takes along a uv.lock that happens to lie there."""

PRIMARY_CODE_MASK = 0xFF
"""The bits of an extended result code of SQLite that are the primary one."""
REFUSED_BY_DISK = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)

LOCKED_S = 2.0
"""How long another may hold the database before it counts as locked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The registry of one home: the names of its experiment and model, and where MLflow keeps them.

    `tracking_uri`: of a server or a database; None: embedded, in the home. `folder` has the bundles in any case.
    """

    home: Path
    experiment: str
    model: str
    tracking_uri: str | None = None

    @classmethod
    def of(cls, company: Company, home: Path) -> Self:
        """As rumbo.yaml says; a SQLite file there lies, unless its path is absolute, in the company's folder."""
        said = company.document.mlflow
        experiment = said.experiment or company.name
        uri = said.tracking_uri
        if uri is not None and uri.startswith(SQLITE):
            uri = f"{SQLITE}{company.folder / uri.removeprefix(SQLITE)}"
        return cls(home=home, experiment=experiment, model=said.model or experiment, tracking_uri=uri)

    @property
    def folder(self) -> Path:
        return (self.home / "mlflow").resolve()

    @property
    def database(self) -> Path | None:
        """The file that everything is in, if it is one."""
        if self.tracking_uri is None:
            return self.folder / "mlflow.db"
        return Path(self.tracking_uri.removeprefix(SQLITE)) if self.tracking_uri.startswith(SQLITE) else None

    @property
    def uri(self) -> str:
        return self.tracking_uri or f"{SQLITE}{self.database}"

    @property
    def name(self) -> str:
        """For people; without what an address may hold of secrets."""
        return str(self.database) if self.database is not None else self.uri.rpartition("@")[2]

    @property
    def has_own_artifacts(self) -> bool:
        """Whether a server keeps the files, and not the folder."""
        return self.uri.startswith(("http://", "https://"))

    def demand(self) -> None:
        """Checks a database before MLflow opens it, which would fill an empty one and try a locked one for minutes.

        Raises: NothingTrained if there is none; RegistryUnusable.
        """
        database = self.database
        if database is None:
            return
        if not database.exists():
            raise NothingTrained(f"no model was trained into {self.home}: run `rumbo train`")
        _demand_database(database)


def _demand_database(database: Path) -> None:
    """Raises: RegistryUnusable."""
    if not database.is_file():
        raise RegistryUnusable(f"{database} is no file")
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=LOCKED_S)) as connection:
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise RegistryUnusable(f"{database} cannot be read: {error}") from error
    if tables == 0:
        raise RegistryUnusable(f"{database} is empty")


@contextmanager
def client_of(registry: Registry) -> Iterator[MlflowClient]:
    """A client of tracking store and registry; a database is made at its first use. Raises: RegistryUnusable."""
    from sqlalchemy.exc import SQLAlchemyError

    with _quiet():
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        try:
            yield MlflowClient(tracking_uri=registry.uri, registry_uri=registry.uri)
        except (MlflowException, SQLAlchemyError) as error:
            first = str(error).partition("\n")[0]
            raise RegistryUnusable(f"{registry.name} is not a registry of models: {first}") from error


@contextmanager
def writing_to(registry: Registry) -> Iterator[None]:
    """RegistryUnusable becomes CannotWrite where the disk is at fault, not the content."""
    try:
        with writing(registry.folder):
            yield
    except RegistryUnusable as error:
        if not _is_fault_of_the_disk(error):
            raise
        raise CannotWrite(f"{registry.name} cannot be written: {error.__cause__}".partition("\n")[0]) from error


def _is_fault_of_the_disk(error: BaseException) -> bool:
    """Whether the cause is a database file that cannot grow, or cannot be changed at all."""
    cause: BaseException | None = error
    while cause is not None:
        code: int | None = getattr(getattr(cause, "orig", cause), "sqlite_errorcode", None)
        if code is not None and code & PRIMARY_CODE_MASK in REFUSED_BY_DISK:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps MLflow from sending telemetry (for good) and from logging and warning (meanwhile)."""
    for name, value in MLFLOW_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401 - reads the variables when it is imported

    levels = {name: logging.getLogger(name).level for name in ("mlflow", "alembic")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # MLflow uses a loader that SQLAlchemy 2.1 deprecates
            warnings.filterwarnings("ignore", ".*Any type hint", UserWarning)  # of its own types, when it imports them
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)

"""The connections for reads: opened when they are needed; where no more can be had, those that exist are shared."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from service.state.engines.postgres_session import Connection
from service.state.port import StateUnavailable

log = logging.getLogger(__name__)

AGAIN_AFTER_S = 5.0
"""How long no other connection is tried for after one was refused."""
GIVE_UP_S = 5.0
"""How long the writer waits for a connection that is in use."""


class Readers:
    """At most `most` connections, each used by one thread at a time. While there is one nobody waits for another."""

    def __init__(self, connect: Callable[[], Connection], most: int) -> None:
        """`connect` raises StateUnavailable."""
        self._connect = connect
        self._most = most
        self._idle: list[Connection] = []
        self._connected = 0
        self._is_connecting = False
        self._wanted_back = 0
        self._attempts = 0
        self._failure: Exception | None = None
        self._again_at_s = 0.0
        self._is_told = False
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[Connection]:
        """Raises: StateUnavailable if there is none and none can be had."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def close_idle(self) -> None:
        """When one was lost, the others may be too and not know it."""
        with self._changed:
            self._close_idle(len(self._idle))

    def close(self) -> None:
        """Once nobody reads. Waits for what is being connected."""
        with self._changed:
            self._again_at_s = inf
            self._changed.wait_for(lambda: not self._is_connecting, GIVE_UP_S)
            self._close_idle(len(self._idle))

    def give_up_one(self) -> bool:
        """Closes one of several, for somebody who needs a connection more. Returns: whether there was one to close."""
        with self._changed:
            if self._connected < 2:
                return False
            self._again_at_s = time.monotonic() + AGAIN_AFTER_S
            if self._idle:
                self._close_idle(1)
                return True
            self._wanted_back += 1
            is_given = self._changed.wait_for(lambda: self._wanted_back == 0, GIVE_UP_S)
            self._wanted_back = 0
            return is_given

    def _take(self) -> Connection:
        """Whoever waits for the first one fails as its connecting does."""
        with self._changed:
            attempts = self._attempts
            while not self._idle:
                if self._may_connect():
                    self._is_connecting = True
                    threading.Thread(target=self._grow, name="state-connect", daemon=True).start()
                self._changed.wait(AGAIN_AFTER_S)
                if self._failure is not None and self._attempts > attempts and self._connected == 0:
                    raise StateUnavailable(str(self._failure)) from self._failure
            return self._idle.pop()

    def _may_connect(self) -> bool:
        """One after another: each may be the last that can be had."""
        if self._is_connecting:
            return False
        return self._connected == 0 or (self._connected < self._most and time.monotonic() >= self._again_at_s)

    def _grow(self) -> None:
        try:
            connection, failure = self._connect(), None
        except Exception as error:  # noqa: BLE001 - it is told to whoever waits
            connection, failure = None, error
        with self._changed:
            self._is_connecting = False
            self._attempts, self._failure = self._attempts + 1, failure
            if connection is not None:
                self._connected += 1
                self._idle.append(connection)
            elif self._connected > 0:
                self._share(failure)
            self._changed.notify_all()

    def _share(self, error: Exception | None) -> None:
        """Said once."""
        self._again_at_s = max(self._again_at_s, time.monotonic() + AGAIN_AFTER_S)
        if error is not None and not self._is_told:
            self._is_told = True
            log.warning("reads share %d of %d connections: %s", self._connected, self._most, error)

    def _give_back(self, connection: Connection) -> None:
        with self._changed:
            if self._wanted_back and not connection.closed:
                self._wanted_back -= 1
                connection.close()
            if connection.closed:
                self._connected -= 1
            else:
                self._idle.append(connection)
            self._changed.notify_all()

    def _close_idle(self, count: int) -> None:
        for _ in range(count):
            self._idle.pop().close()
            self._connected -= 1
        self._changed.notify_all()

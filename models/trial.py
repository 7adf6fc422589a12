"""A bundle scores in a process of its own before it scores here: LightGBM ends its process on some texts.

    python -P -m models.trial FOLDER ROOT SHA256      tries one bundle, and prints what it found as JSON

What was found is kept by the bundle's hash, so that a bundle is tried once by each version of LightGBM.
"""

from __future__ import annotations

import json
import logging
import resource
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from features.encoder import JourneyRow
from features.files import read_regular, write_text
from models.booster import library
from models.bundle import MANIFEST_FILE, MODEL_FILE, Bundle
from models.errors import BundleCorrupt, TrialUnfinished
from models.learnt import AMOUNT_FILE, RewardKind
from models.silence import SILENCE_FILE
from models.trees import TreesMalformed, demand_trees

log = logging.getLogger(__name__)

CPU_S: Final = 30
"""Of reading the trees and scoring two rows. A million leaves need two."""
WALL_S: Final = 120
"""Of the whole process: on a busy machine it takes long to begin."""
MEMORY_BYTES: Final = 4 * 1024**3
"""Beyond what the process has after its imports."""
OWN_ENDS: Final = frozenset(
    {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGXCPU}
)
"""Signals that come of what the process did, and would come again."""
CHANGED: Final = 3
"""The status of a process that found another bundle than it was to try."""
MAX_VERDICT_BYTES: Final = 64 * 1024
MEMORY: Final = Path("/proc/self/statm")
"""On Linux: the pages of this process, and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFault:
    """A fault of one file of a bundle."""

    part: str
    why: str


class Trials:
    """The bundles that were tried, kept in a folder; one process at a time tries another."""

    def __init__(self, folder: Path, *, wall_s: float = WALL_S) -> None:
        self._folder = folder
        self._wall_s = wall_s
        self._turn = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._is_stopped = False

    def demand(self, bundle: Bundle, place: Path, root: Path) -> None:
        """Waits until `bundle`, which lies at `place` inside `root`, has scored in a process of its own, or has before.

        Raises: BundleCorrupt; TrialUnfinished, which another time may end otherwise.
        """
        file = self._folder / f"{bundle.sha256}.json"
        kept = _kept(file)
        fault = self._tried(bundle.sha256, place, root) if kept is None else kept.fault
        if kept is None:
            _keep(file, fault)
        if fault is not None:
            raise BundleCorrupt(fault.part, fault.why)

    def stop(self) -> None:
        """Ends a trial under way with TrialUnfinished, and every later one. From any thread."""
        with self._turn:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    def _tried(self, sha256: str, place: Path, root: Path) -> BundleFault | None:
        command = [sys.executable, "-P", "-m", "models.trial", str(place), str(root), sha256]
        pipe = subprocess.PIPE
        with self._turn:
            if self._is_stopped:
                raise TrialUnfinished("the trial of the model was stopped")
            # A session of its own: Ctrl-C is for the parent, which stops the trial itself.
            self._process = process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, start_new_session=True
            )
        with process:
            try:
                said, complained = process.communicate(timeout=self._wall_s)
            except subprocess.TimeoutExpired as error:
                raise TrialUnfinished(f"the trial of the model took longer than {self._wall_s:g} s") from error
            finally:
                with self._turn:
                    self._process = None
                process.kill()
        return _judged(process.returncode, said, complained)


def _judged(status: int, said: str, complained: str) -> BundleFault | None:
    """What the end of the process says of the bundle. Raises: TrialUnfinished when it says nothing."""
    if status == 0:
        found: dict[str, str] | None = json.loads(said)
        return None if found is None else BundleFault(**found)
    if -status in OWN_ENDS:
        name = signal.Signals(-status).name
        return BundleFault(part=MODEL_FILE, why=f"a process that scored with it was ended by {name}")
    last = complained.strip().splitlines()[-1:]
    raise TrialUnfinished(f"the trial of the model ended with status {status}: {' '.join(last)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _TrialResult:
    fault: BundleFault | None


def _kept(file: Path) -> _TrialResult | None:
    """What was found before by this version of LightGBM; None also for what cannot be read."""
    try:
        found = json.loads(read_regular(file, within=file.parent, at_most=MAX_VERDICT_BYTES))
        if found["lightgbm"] != version("lightgbm"):
            return None
        return _TrialResult(fault=None if found["fault"] is None else BundleFault(**found["fault"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _keep(file: Path, fault: BundleFault | None) -> None:
    found = {"lightgbm": version("lightgbm"), "fault": _fields(fault)}
    try:
        write_text(file, json.dumps(found, indent=1) + "\n")
    except OSError as error:
        log.warning("what the trial of a model found is not kept: %s", error)


def _fields(fault: BundleFault | None) -> dict[str, str] | None:
    return None if fault is None else {"part": fault.part, "why": fault.why}


def main(folder: str, root: str, sha256: str) -> int:
    """Ends by itself, also when nobody waits any more."""
    signal.alarm(WALL_S)
    library()  # before the limits, for what it costs is no fault of the bundle
    _limit()
    try:
        bundle = Bundle.load(Path(folder), within=Path(root))
    except BundleCorrupt:
        return CHANGED
    if bundle.sha256 != sha256:
        return CHANGED
    fault = None
    try:
        try_out(bundle)
    except BundleCorrupt as error:
        fault = BundleFault(part=error.part, why=error.why)
    sys.stdout.write(json.dumps(_fields(fault)))
    return 0


def try_out(bundle: Bundle) -> None:
    """Scores two unknown customers: without any fact, for each journey with history. Raises: BundleCorrupt."""
    from models.scorer import Scorer

    texts = {} if bundle.policy is None else bundle.policy.texts
    for file, text in {MODEL_FILE: bundle.model_text, **texts}.items():
        try:
            demand_trees(text)
        except TreesMalformed as error:
            raise BundleCorrupt(file, f"has trees that cannot be walked: {error}") from error
    journeys = [JourneyRow(journey_id=one, kind="", attributes={}) for one in ("", *sorted(bundle.history))]
    at = datetime(2000, 1, 1, tzinfo=UTC)
    try:
        scorer = Scorer(bundle)
        p_outcome = scorer.score({}, at, journeys)
        parts = scorer.contributions({}, at, journeys[:1])
        values = scorer.values({}, at, [one for one in journeys if one.journey_id in scorer.valued])
        silent = scorer.p_if_silent({}, at, [one for one in journeys if one.journey_id in scorer.silent])
    except BundleCorrupt:
        raise
    except Exception as error:
        raise BundleCorrupt(MANIFEST_FILE, f"does not score: {type(error).__name__}: {error}") from error
    tells_mean = bundle.policy is not None and bundle.policy.reward.kind is RewardKind.MEAN
    inside = np.isfinite(p_outcome) if tells_mean else (p_outcome >= 0.0) & (p_outcome <= 1.0)
    if p_outcome.shape != (len(journeys),) or not inside.all():
        raise BundleCorrupt(MODEL_FILE, "gives what is no probability")
    if not np.isfinite(values).all():
        raise BundleCorrupt(AMOUNT_FILE, "gives what is no amount")
    if not ((silent >= 0.0) & (silent <= 1.0)).all():
        raise BundleCorrupt(SILENCE_FILE, "gives what is no probability")
    if parts.shape != (1, len(scorer.columns) + 1) or not np.isfinite(parts).all():
        raise BundleCorrupt(MODEL_FILE, "does not tell what each column adds")


def _limit() -> None:
    """Limits this process to so much more time and memory than it has used, and to no core file."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until_s = int(used.ru_utime + used.ru_stime) + CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (until_s, until_s + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if MEMORY.exists():
        most = int(MEMORY.read_text(encoding="ascii").split()[0]) * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

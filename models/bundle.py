"""A trained model at rest: LightGBM texts, and one JSON manifest with all that is needed to score. Never a pickle.

`load` compares every byte with its hash before anything is parsed, so a damaged bundle is refused, not guessed at.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

from features.encoder import Encoder
from features.files import read_regular
from features.schema import FeatureSchema
from models.calibration import Calibration
from models.errors import BundleCorrupt, BundleOutdated
from models.learnt import EVIDENCE_FILE, LearntPolicy, RewardKind

FORMAT = 3
MODEL_FILE = "model.txt"
MANIFEST_FILE = "manifest.json"
VERSION_CHARS = 16  # 64 bits of the content hash
MAX_MODEL_BYTES = 256 * 1024 * 1024
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
MAX_TEXTS = 1000
_PART = re.compile(r"[a-z][a-z0-9-]*\.(txt|npz)")
"""A file of a bundle lies in its folder."""
_STRANGE = re.compile(r'[^\S ]|[,:"\[\]{}]|^$')


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Everything that decides a score, and the test metrics the model was published with.

    `model_text` gives P(met) of every journey, or its mean reward where that is all that was learnt. `learned_until`:
    the latest moment that it knows anything of, the end of a window or a decision; None of those made before it was
    said.
    """

    model_text: str
    encoder: Encoder
    calibration: Calibration
    history: frozenset[str]  # ids of the journeys the model was trained on
    objective: str  # what the probability is of, in words
    metrics: Mapping[str, float] = field(default_factory=dict)
    policy: LearntPolicy | None = None
    learned_until: datetime | None = None

    @cached_property
    def parts(self) -> Mapping[str, bytes]:
        """Every file but the manifest, by name."""
        if self.policy is None:
            return {MODEL_FILE: self.model_text.encode()}
        return {
            MODEL_FILE: self.model_text.encode(),
            **{file: text.encode() for file, text in sorted(self.policy.texts.items())},
            EVIDENCE_FILE: self.policy.evidence.to_bytes(),
        }

    @cached_property
    def sha256(self) -> str:
        """Content hash: equal bundles have equal hashes, whenever and wherever they were trained."""
        return _content_hash(self._manifest())

    @property
    def version(self) -> str:
        """The first characters of the hash."""
        return self.sha256[:VERSION_CHARS]

    def misfits(self, schema: FeatureSchema, kinds: Collection[str]) -> tuple[str, ...]:
        """Why a company of these features and kinds of journeys cannot serve it, each in a few words."""
        journeys = next((c.levels or () for c in self.encoder.layout if c.name == "journey_kind"), ())
        strange = [f"journey_kind: there is no kind {kind!r}" for kind in journeys if kind and kind not in kinds]
        tells_mean = self.policy is not None and self.policy.reward.kind is RewardKind.MEAN
        told = ["it tells an expected reward, and no probability"] if tells_mean else []
        return (*self.encoder.misfits(schema), *strange, *told)

    def save(self, folder: Path) -> None:
        """Writes the bundle's files, the manifest last; the folder is made when it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        manifest = self._manifest()
        text = json.dumps({**manifest, "content_sha256": _content_hash(manifest)}, indent=1, ensure_ascii=False)
        for file, content in self.parts.items():
            (folder / file).write_bytes(content)
        (folder / MANIFEST_FILE).write_bytes(text.encode() + b"\n")

    @classmethod
    def load(cls, folder: Path, *, within: Path | None = None) -> Bundle:
        """Reads regular files that lie, links followed, inside of `within` (default: the folder).

        Raises: BundleCorrupt naming the file that is missing or damaged, as BundleOutdated if it is of another form.
        """
        root = within or folder
        manifest = _read_manifest(_read(folder / MANIFEST_FILE, root, MAX_MANIFEST_BYTES))
        parts = _read_parts(folder, root, manifest)
        try:
            return cls._from(manifest, parts)
        except _UNREADABLE as error:
            raise BundleCorrupt(MANIFEST_FILE, f"does not describe a model: {error}") from error

    @classmethod
    def _from(cls, manifest: Mapping[str, object], parts: Mapping[str, bytes]) -> Bundle:
        calibration, history, metrics, policy = (manifest[k] for k in ("calibration", "history", "metrics", "policy"))
        if not (isinstance(calibration, dict) and isinstance(metrics, dict)):
            raise TypeError("calibration and metrics are objects")
        if not isinstance(history, list):
            raise TypeError("history is a list")
        return cls(
            model_text=parts[MODEL_FILE].decode(),
            encoder=Encoder.from_json(json.dumps(manifest["encoder"])),
            calibration=Calibration.from_json(calibration),
            history=frozenset(str(journey_id) for journey_id in history),
            objective=str(manifest["objective"]),
            metrics={str(name): float(value) for name, value in metrics.items()},
            policy=None if policy is None else _policy(policy, parts),
            learned_until=None if (until := manifest.get("learned_until")) is None else _instant(until),
        )

    def _manifest(self) -> dict[str, object]:
        return {
            "format": FORMAT,
            "objective": self.objective,
            "parts": {file: _sha256(content) for file, content in self.parts.items()},
            "encoder": json.loads(self.encoder.to_json()),
            "calibration": self.calibration.to_json(),
            "history": sorted(self.history),
            "metrics": dict(sorted(self.metrics.items())),
            "policy": None if self.policy is None else self.policy.to_json(),
            **({} if self.learned_until is None else {"learned_until": self.learned_until.isoformat()}),
        }


def column_names(columns: Sequence[str]) -> list[str]:
    """The columns' names as LightGBM takes them: those with characters that its texts use otherwise get a number."""
    return [f"column_{i}" if _STRANGE.search(name) else name.replace(" ", "_") for i, name in enumerate(columns)]


def _instant(text: object) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError("learned_until has no zone")
    return at


def _policy(policy: object, parts: Mapping[str, bytes]) -> LearntPolicy:
    if not isinstance(policy, dict):
        raise TypeError("policy is an object")
    texts = {str(file): parts[file].decode() for file in policy["texts"]}
    return LearntPolicy.from_json(policy, texts, parts[EVIDENCE_FILE])


_UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    OSError,
    EOFError,
    BadZipFile,
)
"""What reading JSON of any form may raise: ArithmeticError for a number beyond any float, RecursionError for depth."""


def _read_manifest(content: bytes) -> dict[str, object]:
    """The manifest without its own hash, which has been checked."""
    try:
        return _checked(json.loads(content, parse_constant=_refuse))
    except _UNREADABLE as error:
        raise BundleCorrupt(MANIFEST_FILE, f"is not JSON ({error})") from error


def _checked(manifest: object) -> dict[str, object]:
    if not isinstance(manifest, dict):
        raise BundleCorrupt(MANIFEST_FILE, "is not a JSON object")
    if manifest.get("format") != FORMAT:
        raise BundleOutdated(MANIFEST_FILE, manifest.get("format"), FORMAT)
    if manifest.pop("content_sha256", None) != _content_hash(manifest):
        raise BundleCorrupt(MANIFEST_FILE, "its content does not match its sha256")
    return manifest


def _read_parts(folder: Path, root: Path, manifest: Mapping[str, object]) -> dict[str, bytes]:
    """Every file that the manifest names, as it says it is."""
    named = manifest.get("parts")
    if not isinstance(named, dict) or MODEL_FILE not in named or len(named) > MAX_TEXTS:
        raise BundleCorrupt(MANIFEST_FILE, f"does not describe a model: it names no {MODEL_FILE}, or too many files")
    parts = {}
    for file, sha256 in named.items():
        if not _PART.fullmatch(file):
            raise BundleCorrupt(MANIFEST_FILE, f"names a file {file!r}, which is none of a bundle")
        parts[file] = _read(folder / file, root, MAX_MODEL_BYTES)
        if sha256 != _sha256(parts[file]):
            raise BundleCorrupt(file, "its bytes do not match the sha256 in the manifest")
    return parts


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _read(path: Path, within: Path, at_most: int) -> bytes:
    try:
        return read_regular(path, within=within, at_most=at_most)
    except OSError as error:
        raise BundleCorrupt(path.name, f"cannot be read ({error.strerror})") from error


def _content_hash(manifest: Mapping[str, object]) -> str:
    """sha256 of the canonical JSON (sorted keys, no spaces); ValueError when it holds NaN or an infinity."""
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _sha256(canonical.encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

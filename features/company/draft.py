"""A first rumbo.yaml and features.yaml for a Feast repository, as its registry has it. Nothing in that is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from features.company.registry_reader import TYPES
from features.errors import RumboError, StoreUnavailable
from features.names import in_yaml, is_name, name_like
from features.schema import FeatureSpec
from features.store.connection import open_feature_store
from features.store.customer_key import KeyType

if TYPE_CHECKING:
    from feast import Entity, FeatureStore, FeatureView

_DAY_S = 86_400
_WIDTH = 48
SCHEMAS = ".schema"
"""The folder, in the company's own, of the forms of its files, for editors."""
_MODELINE = f"# yaml-language-server: $schema={SCHEMAS}/{{}}.json"


class NothingToDraft(RumboError):
    """The registry does not say who the customers are, or has nothing of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is said of a repository. `names`: other ones, by VIEW.FEATURE, and `why`, for those that need them."""

    company: str
    entity: str
    repo: str
    names: Mapping[str, str]
    why: Mapping[str, str]

    def text(self) -> str:
        """A whole rumbo.yaml, with what may be added as comments, which stand in one column."""
        lines = [(_MODELINE.format("rumbo"), ""), *self._lines()]
        width = min(max(len(text) for text, comment in lines if comment), _WIDTH)
        return "".join(f"{text:<{width}}  # {comment}\n" if comment else f"{text}\n" for text, comment in lines)

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Each line and its comment."""
        yield f"company: {self.company}", "its name; a home belongs to one company"
        yield f"customer: {{entity: {in_yaml(self.entity)}}}", "the Feast entity; its key is named and typed as there"
        yield "features:", ""
        yield f"  repo: {in_yaml(self.repo)}", "the folder of feature_store.yaml; nothing in it is changed"
        yield "  notes: features.yaml", "what the registry does not say of features"
        if self.names:
            yield "  names:", "as conditions say it"
            yield from (
                (f"    {in_yaml(place)}: {name}", self.why.get(place, "")) for place, name in self.names.items()
            )
        yield "  # derived:", "ages, computed when a decision is made, such as"
        yield "  #   account_days: days_since(first_account_at)", ""
        yield "situation: none", "events alone tell of incidents and consents"
        yield "# events:", "types of your own, beside the built-in ones, such as"
        yield "#   card.renewed: {attributes: {fee: double}, latest: last_renewed_at}", ""
        yield "#   claim.opened: {opens_incident: claims}", ""
        yield "#   claim.closed: {resolves_incident: claims}", ""
        yield "catalogue: catalogue/", "journeys, policies, cases"


def draft_of(repo: Path, *, company: str, named: str, entity: str | None) -> Draft:
    """`named`: how rumbo.yaml is to name the folder `repo`. `entity`: whose features, where the registry has several.

    Raises: NothingToDraft, also where the registry cannot be read.
    """
    try:
        store = open_feature_store(repo)
        chosen = _entity(store, entity)
        given = _given_names(_views_of(store, chosen))
    except NothingToDraft:
        raise
    except StoreUnavailable as error:
        raise NothingToDraft(f"{repo}: {error}: `feast apply` registers what is defined there") from error
    except Exception as error:
        cause = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise NothingToDraft(f"the registry of {repo} cannot be read: {cause}") from error
    names, why = ({place: pair[i] for place, pair in given.items()} for i in range(2))
    return Draft(company=company, entity=chosen.name, repo=named, names=names, why=why)


def notes_of(features: Sequence[FeatureSpec]) -> str:
    """A whole features.yaml, with what is missing as comments."""
    return "".join(f"{line}\n" for line in _notes(features))


def _notes(features: Sequence[FeatureSpec]) -> Iterator[str]:
    yield _MODELINE.format("features")
    yield "# What the registry does not say of features. Every line is optional; what is missing is told by"
    yield "# `rumbo features check`. For example:"
    yield "#   balance: {unit: EUR, range: [0, 1000000], owner: accounts, personal_data: personal, max_age: 2d}"
    yield '#   rating: {levels: [A, B, C], description: "Of the account, by the risk office."}'
    width = max((len(spec.name) for spec in features), default=0) + len(": {}")
    for spec in features:
        age = "does not age" if spec.max_age_s is None else f"relied on for {spec.max_age_s / _DAY_S:g} d"
        lacks = [name for name in ("description", "unit", "owner") if not getattr(spec, name)]
        missing = f"; no {', '.join(lacks)}" if lacks else ""
        yield f"{spec.name + ': {}':<{width}}  # {spec.view}, {spec.type.value}, {age}{missing}"


def _entity(store: FeatureStore, named: str | None) -> Entity:
    entities = {entity.name: entity for entity in store.list_entities() if entity.name != "__dummy"}
    if named is not None and named not in entities:
        raise NothingToDraft(f"the registry has no entity '{named}', it has: {', '.join(sorted(entities)) or 'none'}")
    of = Counter(name for view in store.list_batch_feature_views() for name in _alone(view))
    usable = {name: count for name, count in of.items() if name in entities}
    if named is not None:
        return entities[named]
    most = [name for name, count in usable.items() if count == max(usable.values())]
    if len(most) != 1:
        raise NothingToDraft(
            f"say whose features they are by --entity: as many views are of each of {', '.join(sorted(most))}"
            if most
            else "the registry has no view of one entity alone, with a key of type " + ", ".join(KeyType)
        )
    return entities[most[0]]


def _alone(view: FeatureView) -> list[str]:
    """The one entity that a view is keyed by, if it is one with a key that Rumbo knows."""
    keyed = [name for name in view.entities if name != "__dummy"]
    types = {str(column.dtype) for column in view.entity_columns}
    return keyed if len(keyed) == 1 and types <= set(KeyType) else []


def _views_of(store: FeatureStore, entity: Entity) -> list[FeatureView]:
    views = [view for view in store.list_batch_feature_views() if _alone(view) == [entity.name]]
    if not views:
        raise NothingToDraft(f"the registry has no view of {entity.name} alone")
    return sorted(views, key=lambda view: view.name)


def _given_names(views: Sequence[FeatureView]) -> dict[str, tuple[str, str]]:
    """Another name, and why, of each feature that no condition can say, or whose name an earlier view has.

    Equal ones have that of their view in front.
    """
    stored = [(view.name, field.name) for view in views for field in view.features if str(field.dtype) in TYPES]
    taken = {name for _, name in stored if is_name(name)}
    seen: set[str] = set()
    given: dict[str, tuple[str, str]] = {}
    for view, name in stored:
        if is_name(name) and name not in seen:
            seen.add(name)
            continue
        why = "another view has this name too" if name in seen else "its own is none that a condition can say"
        wanted = [name_like(f"{view}_{name}")] if name in seen else [name_like(name), name_like(f"{view}_{name}")]
        free = (
            one for one in (*wanted, *(f"feature_{n}" for n in range(1, len(stored) + 1))) if one and one not in taken
        )
        given[f"{view}.{name}"] = next(free), why
        taken.add(given[f"{view}.{name}"][0])
    return given

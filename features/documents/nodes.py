"""From the text of a file to nodes with their places: the part of YAML that a company writes its files in.

Bounded while it is read, before anything is built: how deep it is nested, and how much it holds with its aliases
written out. Its scalars are those of JSON: plain decimals are numbers, `true` and `false` are flags, `null`, `~` and
nothing are null, and all else is text, so that `0500`, `12:30`, `2026-12-31` and `no` are what they look like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from features.documents.yaml_slips import yaml_slip
from features.errors import RumboError

MAX_BYTES = 256 * 1024
"""Of a file; also the characters of its texts, those that aliases repeat among them."""
MAX_DEPTH, MAX_NODES, MAX_KEY = 32, 20_000, 256
"""Collections within each other; values of a file, those that aliases repeat among them; characters of a key."""

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Position = tuple[int, int]
"""Line and column, both from 1."""

_TAG = "tag:yaml.org,2002:"
_TEXT, _NULL, _LIST, _MAP = f"{_TAG}str", f"{_TAG}null", f"{_TAG}seq", f"{_TAG}map"
_MERGE = "<<"
_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_NOT_TEXT = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""The characters that YAML does not allow."""
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_SCALARS: tuple[tuple[re.Pattern[str], str, Callable[[str], Json]], ...] = (
    (re.compile(r"~|null|"), _NULL, lambda text: None),
    (re.compile(r"true|false"), f"{_TAG}bool", lambda text: text == "true"),
    (re.compile(r"-?(0|[1-9][0-9]{0,14})"), f"{_TAG}int", int),
    (re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}"), f"{_TAG}float", float),
)
"""What a plain scalar may be but text. Longer numbers are none: a double would not hold all of their digits."""
_VALUES = {tag: value for _, tag, value in _SCALARS}


class NotReadable(RumboError):
    """A text that is no such file: why, and where."""

    def __init__(self, cause: str, place: Position | None = None) -> None:
        super().__init__(cause if place is None else f"{cause} (line {place[0]}, column {place[1]})")


def decoded(content: bytes) -> str:
    """The text of a file, its lines ended by a line feed. Raises: NotReadable."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        raise NotReadable(f"not UTF-8: the byte 0x{content[error.start]:02x}", _place_at(before)) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    wrong = _NOT_TEXT.search(text)
    if wrong is not None:
        cause = f"not YAML: the character U+{ord(wrong[0]):04X} is not allowed"
        raise NotReadable(cause, _place_at(text[: wrong.start()]))
    return text


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text, None if it holds nothing. Raises: NotReadable."""
    directive = _DIRECTIVE.search(text)
    if directive is not None:  # libyaml compares each with all before it
        raise NotReadable("directives (%) are not read", _place_at(text[: directive.start()]))
    loader = _Loader(text)
    try:
        return _Composer(loader.get_event).document()
    except yaml.MarkedYAMLError as error:
        slip = yaml_slip(text, error)
        raise NotReadable(f"not YAML: {slip.text}", (slip.line + 1, slip.column + 1)) from error
    except yaml.YAMLError as error:
        raise NotReadable("not YAML: this file cannot be read") from error
    finally:
        loader.dispose()


def value_of(node: yaml.Node | None) -> Json:
    """What a composed node stands for."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: value_of(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    if node is None:
        return None
    as_value = _VALUES.get(node.tag)
    text: str = node.value
    return text if as_value is None else as_value(text)


@dataclass(slots=True)
class _Size:
    """How much was read: values, and characters of text."""

    nodes: int = 0
    characters: int = 0


@dataclass(frozen=True, slots=True)
class _AnchoredNode:
    """A node that may be repeated, with what each repetition adds."""

    node: yaml.Node
    size: _Size
    height: int


class _Composer:
    """Makes the nodes of one document from its events."""

    def __init__(self, next_event: Callable[[], Any]) -> None:
        self._next_event = next_event
        self._anchored: dict[str, _AnchoredNode | None] = {}  # None: within itself
        self._size = _Size()
        self._deepest = 0

    def document(self) -> yaml.Node | None:
        self._next_event()  # the stream begins
        if isinstance(self._next_event(), yaml.StreamEndEvent):
            return None
        root = self._node(self._next_event(), 0)
        self._next_event()  # the document ends
        after = self._next_event()
        if not isinstance(after, yaml.StreamEndEvent):
            raise _refused("a file is one document: another begins", after)
        return root

    def _node(self, event: Any, depth: int) -> yaml.Node:
        if isinstance(event, yaml.AliasEvent):
            return self._repeated(event, depth)
        if event.anchor is None:
            return self._new(event, depth)
        self._anchored[event.anchor] = None
        before, outside, self._deepest = _Size(self._size.nodes, self._size.characters), self._deepest, depth
        node = self._new(event, depth)
        size = _Size(self._size.nodes - before.nodes, self._size.characters - before.characters)
        self._anchored[event.anchor] = _AnchoredNode(node, size, self._deepest - depth)
        self._deepest = max(self._deepest, outside)
        return node

    def _repeated(self, event: Any, depth: int) -> yaml.Node:
        if event.anchor not in self._anchored:
            hint = "a text that begins with `*` stands in quotes"
            raise _refused(f"not YAML: there is no anchor '{event.anchor}' before: {hint}", event)
        anchored = self._anchored[event.anchor]
        if anchored is None:
            raise _refused(f"the anchor '{event.anchor}' is within itself", event)
        self._count(event, depth + anchored.height, anchored.size.nodes, anchored.size.characters)
        return anchored.node

    def _new(self, event: Any, depth: int) -> yaml.Node:
        begins: Any = event.start_mark
        if isinstance(event, yaml.ScalarEvent):
            self._count(event, depth, 1, len(event.value))
            tag = _scalar_tag(event)
            ends: Any = event.end_mark
            return yaml.ScalarNode(tag, event.value, begins, ends, style=event.style)
        self._count(event, depth + 1, 1, 0)
        if isinstance(event, yaml.SequenceStartEvent):
            _require_tag(event, _LIST)
            items = [self._node(e, depth + 1) for e in self._until(yaml.SequenceEndEvent)]
            return yaml.SequenceNode(_LIST, items, begins, self._end, event.flow_style)
        _require_tag(event, _MAP)
        pairs = self._pairs(depth + 1, is_flow=bool(event.flow_style))
        return yaml.MappingNode(_MAP, pairs, begins, self._end, event.flow_style)

    def _until(self, end: type[yaml.Event]) -> Iterator[Any]:
        while not isinstance(event := self._next_event(), end):
            yield event
        self._end: Any = event.end_mark

    def _pairs(self, depth: int, *, is_flow: bool) -> list[tuple[yaml.Node, yaml.Node]]:
        """A mapping's own fields, each once, and those merged into it that it has not."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: list[tuple[yaml.Node, yaml.Node]] = []
        for event in self._until(yaml.MappingEndEvent):
            key = self._node(event, depth)
            value = self._node(self._next_event(), depth)
            if not isinstance(key, yaml.ScalarNode):
                hint = "a text that begins with a bracket stands in quotes"
                raise _refused(f"not YAML as it is read here: a key is a text; {hint}", event)
            if len(key.value) > MAX_KEY:
                raise _refused(f"a key of more than {MAX_KEY} characters", event)
            if key.value == _MERGE and not key.style:
                merged += _merged(value)
            elif key.value in own:
                first = _place_of(own[key.value][0].start_mark)[0]
                raise _refused(f"not YAML: '{key.value}' is given twice, first in line {first}", event)
            elif isinstance(value, yaml.ScalarNode) and not value.value and value.tag == _NULL:
                raise _refused(f"'{key.value}' has no value: {_to_write(key.value, is_flow=is_flow)}", event)
            else:
                own[key.value] = key, value
        for key, value in merged:
            own.setdefault(key.value, (key, value))
        return list(own.values())

    def _count(self, event: Any, depth: int, nodes: int, characters: int) -> None:
        self._size.nodes += nodes
        self._size.characters += characters
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH:
            raise _refused(f"nested more than {MAX_DEPTH} deep", event)
        if self._size.nodes > MAX_NODES:
            raise _refused(f"more than {MAX_NODES} values, with aliases written out", event)
        if self._size.characters > MAX_BYTES:
            raise _refused(f"more than {MAX_BYTES // 1024} kB of text, with aliases written out", event)


def _to_write(key: str, *, is_flow: bool) -> str:
    """In place of a field without a value."""
    if is_flow and key.isdigit():
        return "a decimal point is a point, and no comma"
    in_braces = "a list is written `[…]`, and a text that begins with `{` stands in quotes"
    return in_braces if is_flow else "write one, or leave the field out"


def _scalar_tag(event: Any) -> str:
    """Text if it is quoted or said to be; else what it looks like."""
    _require_tag(event, _TEXT, "!")
    if event.style or event.tag is not None:
        return _TEXT
    return next((tag for form, tag, _ in _SCALARS if form.fullmatch(event.value)), _TEXT)


def _require_tag(event: Any, *allowed: str) -> None:
    if event.tag not in (None, *allowed) and not event.tag.startswith(("!!", _TAG)):
        raise _refused("not YAML: a text that begins with `!` stands in quotes", event)
    if event.tag not in (None, *allowed):
        raise _refused(f"the tag {event.tag.replace(_TAG, '!!')[:MAX_KEY]} is not read: leave it out", event)


def _merged(node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
    """The fields of what follows `<<`: a mapping, or several of which the first goes before the others."""
    parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for part in parts:
        if not isinstance(part, yaml.MappingNode):
            raise NotReadable("not YAML: << merges mappings", _place_of(part.start_mark))
    return [pair for part in parts for pair in part.value]


def _refused(cause: str, event: Any) -> NotReadable:
    return NotReadable(cause, _place_of(event.start_mark))


def _place_of(mark: Any) -> Position:
    return mark.line + 1, mark.column + 1


def _place_at(before: str) -> Position:
    """The place after a text, whose lines may end as on any system."""
    lines = re.split("\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1

"""Slips of writing in YAML, told by what stands in the file: where it begins, and what to write instead.

The parser stops where it can go no further, which is often a line or a quote after what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml

_NAME = re.compile(r"^(?P<indent>\s*(?:- )*)(?P<name>[\w.-]+)(?P<sign>\s*[:=]\s*)(?P<value>.*)$")
_BEGINS = re.compile(r"(?:^|[:\-,]\s+|[{\[]\s*)$")
"""Before a value: nothing, or what a value stands after."""
_ENDS = re.compile(r",\s+\w+:\s|\s*[}\]]*\s*$")
_BAD_START = re.compile("start any token|alphabetic or numeric|comment or line break|mapping keys|block sequence")
_CLOSES = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class YamlSlip:
    """What is wrong; `line` and `column` count from 0."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class _Stop:
    """Where the parser stopped, and the beginning of what it was reading."""

    lines: tuple[str, ...]
    problem: str
    context: str
    at_line: int
    at_column: int
    from_line: int
    from_column: int

    @property
    def line(self) -> str:
        return self._line(self.at_line)

    @property
    def before(self) -> str:
        return self.line[: self.at_column]

    @property
    def rest(self) -> str:
        return self.line[self.at_column :]

    @property
    def begun(self) -> str:
        return self._line(self.from_line)

    @property
    def is_left(self) -> bool:
        """Whether the parser has left the part in which it began to read, by the indentation."""
        return self.at_line > self.from_line and _indentation(self.line) <= _indentation(self.begun)

    def above(self) -> int | None:
        """The last line above that says something."""
        return next((n for n in range(self.at_line - 1, -1, -1) if self._line(n).strip()), None)

    def _line(self, number: int) -> str:
        return self.lines[number] if number < len(self.lines) else ""


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def yaml_slip(text: str, error: yaml.MarkedYAMLError) -> YamlSlip:
    """The slip behind an error of the parser, in the words of whoever wrote the file."""
    at, begun = error.problem_mark, error.context_mark or error.problem_mark
    if at is None or begun is None:
        return YamlSlip("this file cannot be read", 0, 0)
    stop = _Stop(
        tuple(text.split("\n")), error.problem or "", error.context or "", at.line, at.column, begun.line, begun.column
    )
    found = (slip for rule in _RULES for slip in rule(stop))
    return next(found, YamlSlip("this cannot be read: look at this line and at the one above", at.line, at.column))


def quoted(value: str) -> str:
    """A text in quotes that it has not itself."""
    if "'" not in value:
        return f"'{value}'"
    return f'"{value}"' if '"' not in value and "\\" not in value else "'" + value.replace("'", "''") + "'"


def _tab(stop: _Stop) -> Iterator[YamlSlip]:
    indent = re.match(r"\s*", stop.line)
    if indent is not None and "\t" in indent[0]:
        yield YamlSlip("a tab: indent with spaces", stop.at_line, indent[0].index("\t"))


def _open_quote(stop: _Stop) -> Iterator[YamlSlip]:
    """A quote that is closed on no line, or on another one than it was meant to."""
    if "end of stream" in stop.problem and "quoted" in stop.context:
        quote = stop.begun[stop.from_column]
        yield YamlSlip(f"the text that begins here has no second {quote}", stop.from_line, stop.from_column)
        return
    if stop.before.rstrip()[-1:] not in ('"', "'"):
        return
    for number in range(stop.at_line - 1, -1, -1):
        found = re.search(r"(?:[:\-,{\[]\s+|^|[{\[])(?P<quote>[\"'])(?:(?!(?P=quote)).)*$", stop.lines[number])
        if found is not None:
            yield YamlSlip(f"the text that begins here has no second {found['quote']}", number, found.start("quote"))
            return


def _cut_short(stop: _Stop) -> Iterator[YamlSlip]:
    """`"gold" == customer.tier`: what begins with a quote or a bracket ends with the second one."""
    last = stop.before.rstrip()[-1:]
    if last not in ('"', "'", "]", "}") or stop.rest[:1] in ("", "#"):
        return
    closed = len(stop.before.rstrip()) - 1
    if stop.rest[0] in "]}":
        yield YamlSlip(f"one `{stop.rest[0]}` too many", stop.at_line, stop.at_column)
    elif "flow" in stop.context and re.match(r"[\w.-]+:\s|[\"']", stop.rest):
        yield YamlSlip("a comma is missing before this", stop.at_line, stop.at_column)
    elif last in "\"'" and closed == stop.at_column - 1 and stop.rest[0].isalnum():
        within = {"'": "''", '"': '\\"'}[last]
        yield YamlSlip(f"the text ended at this {last}: within it write {within}", stop.at_line, closed)
    else:
        start = _opening(stop.line, closed)
        if not _BEGINS.search(stop.line[:start]):
            return
        text = _ended(stop.line[start], stop.line[start:], is_flow="flow" in stop.context)
        yield YamlSlip(text, stop.at_line, start)


def _opening(line: str, closed: int) -> int:
    """Where what ends at `closed` began."""
    if line[closed] in "\"'":
        return max(line.rfind(line[closed], 0, closed), 0)
    depth = 0
    for column in range(closed, -1, -1):
        depth += {"]": 1, "}": 1, "[": -1, "{": -1}.get(line[column], 0)
        if depth == 0:
            return column
    return 0


def _ended(opening: str, value: str, *, is_flow: bool) -> str:
    ends = _ENDS.search(value) if is_flow else None
    whole = (value if ends is None else value[: ends.start()]).rstrip()
    if opening in "\"'":
        return f"a text that begins with {opening} ends at the next {opening}: put the whole in quotes, {quoted(whole)}"
    return f"a text that begins with `{opening}` stands in quotes: {quoted(whole)}"


def _bad_start(stop: _Stop) -> Iterator[YamlSlip]:
    """A value that begins with a sign that means something to YAML."""
    if not _BAD_START.search(stop.problem):
        return
    is_of_context = stop.context.startswith("while scanning")
    number, column = (stop.from_line, stop.from_column) if is_of_context else (stop.at_line, stop.at_column)
    line = stop.lines[number]
    sign, value = line[column : column + 1], line[column:].rstrip()
    if not line[:column].strip():
        yield YamlSlip("a line that goes on with a text is indented further than its field", number, column)
    elif "line break" in stop.problem:
        hint = "" if sign == "|" else f", or a text that begins with `{sign}` stands in quotes: {quoted(value)}"
        yield YamlSlip(f"after `{sign}` the text begins on the next line{hint}", number, column)
    elif sign == "-":
        yield YamlSlip("a list begins on the next line, or is written `[…, …]`", number, column)
    elif "{" in line[:column] or "[" in line[:column]:
        yield YamlSlip(f"a text that begins with `{sign}` or has it after a bracket stands in quotes", number, column)
    else:
        yield YamlSlip(f"a text that begins with `{sign}` stands in quotes: {quoted(value)}", number, column)


def _colon(stop: _Stop) -> Iterator[YamlSlip]:
    """A second `: ` in a line, which a text may have in quotes alone."""
    is_in_flow = "flow" in stop.context and stop.rest[:1] == ":" and not stop.is_left
    if "mapping values" not in stop.problem and not is_in_flow:
        return
    field = re.match(r"\s*(?:- )*[\w.-]+:\s+(?=\S)", stop.before)
    if is_in_flow:
        yield YamlSlip("a text with `: ` in it stands in quotes", stop.at_line, stop.at_column)
    elif field is not None:
        value = stop.line[field.end() :].rstrip()
        yield YamlSlip(f"a text with `: ` in it stands in quotes: {quoted(value)}", stop.at_line, field.end())


def _no_field(stop: _Stop) -> Iterator[YamlSlip]:
    """A line that is no `name: value`: this one, the one above, or the one where a name began."""
    if "expected ':'" in stop.problem:
        number = stop.from_line
    elif "mapping values" in stop.problem and (above := stop.above()) is not None:
        number = above
    else:
        return
    line = stop.lines[number]
    found = _NAME.match(line)
    column = _indentation(line)
    if found is None and not re.search(r":(\s|$)", line) and not line.lstrip().startswith(("-", "#")):
        yield YamlSlip("a field is written `name: value`: here `: ` is missing", number, column)
    elif found is not None and found["value"] and (not found["sign"].endswith(" ") or "=" in found["sign"]):
        written = f"{found['name']}: {found['value'].strip()}"
        yield YamlSlip(f"a field is written with `: `: `{written}`", number, len(found["indent"]))


def _further_right(stop: _Stop) -> Iterator[YamlSlip]:
    """A field below one that has its value already, but further right."""
    above = stop.above()
    if "mapping values" not in stop.problem or above is None:
        return
    column, beside = _indentation(stop.line), _indentation(stop.lines[above])
    named = _NAME.match(stop.lines[above])
    if column > beside and named is not None:
        text = f"this begins further right than `{named['name']}` above, which has its value: begin both alike"
        yield YamlSlip(text, stop.at_line, column)


def _open_bracket(stop: _Stop) -> Iterator[YamlSlip]:
    if "flow" not in stop.context:
        return
    bracket = stop.begun[stop.from_column : stop.from_column + 1]
    if stop.is_left and bracket in _CLOSES:
        text = f"the bracket `{bracket}` is not closed: write `{_CLOSES[bracket]}`"
        yield YamlSlip(text, stop.from_line, stop.from_column)
    else:
        yield YamlSlip("a comma is missing here, or quotes around a text", stop.at_line, stop.at_column)


def _indent(stop: _Stop) -> Iterator[YamlSlip]:
    if stop.before.strip() or not stop.rest.strip():
        return
    if "block collection" in stop.context:
        text = "here the next `- ` of the list is expected: indent what belongs to one entry alike"
        yield YamlSlip(text, stop.at_line, stop.at_column)
    elif stop.rest.startswith("- "):
        text = "this entry of a list stands under no field: indent it like the others"
        yield YamlSlip(text, stop.at_line, stop.at_column)
    else:
        text = "this line begins where none above does: indent alike what belongs together"
        yield YamlSlip(text, stop.at_line, stop.at_column)


def _escape(stop: _Stop) -> Iterator[YamlSlip]:
    if "escape" in stop.problem:
        is_unknown = "unknown" in stop.problem
        text = r"a backslash between double quotes is written twice: `\\`; or use single quotes"
        text = text if is_unknown else "this escape between double quotes is no character"
        yield YamlSlip(text, stop.at_line, stop.at_column)


_RULES: tuple[Callable[[_Stop], Iterator[YamlSlip]], ...] = (
    _tab,
    _escape,
    _open_quote,
    _cut_short,
    _bad_start,
    _colon,
    _no_field,
    _further_right,
    _open_bracket,
    _indent,
)

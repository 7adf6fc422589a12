"""Where within a text of several lines a fault stands: `Source.place` knows those of one line."""

from __future__ import annotations

import yaml

from features.documents.source import Place

_BLOCK = ("|", ">")


def place_in_lines(file: str, raw: str, node: yaml.Node | None, column: int | None) -> Place | None:
    """The place of the character at `column` of the text; None if that is not of several lines.

    YAML folds and indents only by white space, so the character is found by counting those that are none.
    """
    if column is None or not isinstance(node, yaml.ScalarNode) or node.start_mark.line == node.end_mark.line:
        return None
    lines = raw.splitlines()
    line, at = node.start_mark.line, node.start_mark.column
    if node.style in _BLOCK:
        line, at = line + 1, 0
    elif node.style in ("'", '"'):
        at += 1
    ahead = sum(1 for character in node.value[:column] if not character.isspace())
    for number in range(line, len(lines)):
        for k in range(at, len(lines[number])):
            if lines[number][k].isspace():
                continue
            if ahead == 0:
                return Place(file=file, line=number + 1, column=k + 1)
            ahead -= 1
        at = 0
    return None

"""What a company may call what is its own: itself, features, ages, incident classes."""

from __future__ import annotations

import json
import re

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
WORDS = frozenset({"in", "true", "false", "null"})
"""Of conditions."""
_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")


def is_name(text: str) -> bool:
    """Whether a condition can say it."""
    return NAME.fullmatch(text) is not None and text not in WORDS


def name_like(text: str) -> str:
    """A name as near to the text as can be; empty if nothing of it can stand in one."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower())
    name = "_".join(words).lstrip("0123456789_")[:63].rstrip("_")
    return f"{name}_" if name in WORDS else name


def in_yaml(text: str) -> str:
    """The text as a key or a value of a YAML mapping, in braces or not."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)

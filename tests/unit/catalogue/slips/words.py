"""Words of the libraries that read conditions and files: nobody who writes a journey knows them."""

from __future__ import annotations

import re

LIBRARY_WORDS = re.compile(
    r"overload|\bTuple\b|instance of|function-after|function-before|Input should|pydantic|undeclared|no matching"
    r"|mismatched input|extraneous input|token recognition|viable alternative|\bantlr\b|\bEOF\b|IDENTIFIER|NUM_INT"
    r"|Syntax error|google\.protobuf|null_type|INVALID_ARGUMENT|scanning|scalar|block mapping|flow (?:mapping|sequence)"
    r"|mapping values|simple key|expected key|<document|alphabetic|ValueError|Traceback|\bNone\b|_[&|=<>!+*/%?:@-]+_"
    r"|@in\b|\bBOOL\b|\bDOUBLE\b|\bSTRING\b|LIST<|dict|model_type|root"
)


def library_words(told: str) -> list[str]:
    """Those that are told outside of what is quoted from the file."""
    return LIBRARY_WORDS.findall(re.sub(r"`[^`]*`|\"[^\"]*\"", "", told))

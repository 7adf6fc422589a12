"""Reasons and degradations as sentences for people, in each language."""

"""Conditions in CEL: compiled, type-checked, evaluated."""

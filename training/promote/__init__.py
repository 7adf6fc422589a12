"""Promotion by evidence: challenger against champion on rows that neither has learned from."""

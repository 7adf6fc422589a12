"""Logs of decisions as tables: the exported one, or a plain one from anywhere."""

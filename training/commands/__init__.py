"""`rumbo train`, `score` and `evaluate`. Heavy libraries are imported when a command runs."""

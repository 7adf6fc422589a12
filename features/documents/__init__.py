"""The files that a company writes: YAML with the place of every value, and the form that it must have."""

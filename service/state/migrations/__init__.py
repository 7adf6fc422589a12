"""The tables of a state store, as the steps that led to them; each step for SQLite and for PostgreSQL."""

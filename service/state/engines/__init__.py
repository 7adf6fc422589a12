"""The databases that a store is built on, SQLite and PostgreSQL: connections, transactions, tables."""

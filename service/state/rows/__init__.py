"""The rows of each table: how facts, decisions and contacts are read and written in a transaction."""

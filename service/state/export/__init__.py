"""The export of decisions, what followed them and their rewards, as Parquet."""

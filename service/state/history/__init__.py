"""The import of decisions that were made elsewhere, from Parquet."""

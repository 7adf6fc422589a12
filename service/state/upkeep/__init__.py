"""The upkeep of a store: retention, pruning, backup."""

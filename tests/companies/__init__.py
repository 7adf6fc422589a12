"""Companies that are not the example."""

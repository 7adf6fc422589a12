"""The Feast repository of the example: definitions, and the registry that they make."""

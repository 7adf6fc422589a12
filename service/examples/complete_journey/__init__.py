"""A grocer with real households: its rumbo.yaml, features, journeys, data, and a story told with them."""

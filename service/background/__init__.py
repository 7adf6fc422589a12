"""Tasks that run beside the service: watches of catalogue, model and kill list, the feature feed, housekeeping."""

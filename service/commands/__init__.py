"""The subcommands of `rumbo` that belong to the service, and what they print."""

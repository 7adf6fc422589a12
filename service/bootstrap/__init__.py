"""The only place that builds adapters: a door each for the company, its store, and what is served of them."""

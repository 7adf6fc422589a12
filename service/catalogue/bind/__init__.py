"""Documents bound into the plan that decides. Nothing of a request depends on the files afterwards."""

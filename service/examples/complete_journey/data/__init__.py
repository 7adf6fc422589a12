"""The example's input: The Complete Journey (84.51°), a year of 2,469 households, from a package on PyPI."""

"""Commands of whoever begins with a company of their own, and looks whether all is well with it."""

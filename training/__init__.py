"""Training: the history of what was sent, joined, split, fitted, measured and published."""

"""What the notebooks show: each takes a log and gives a table, a picture or a sentence."""

"""Whether a model still tells what comes true, and whether what it is told is still what it learnt from."""

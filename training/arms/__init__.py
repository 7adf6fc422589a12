"""What each arm brought: lifts with confidence sequences, and whether customers fell into arms as declared."""

"""What others report of customers and decisions, and what it must be to be kept. Pure, as the rest of the core."""

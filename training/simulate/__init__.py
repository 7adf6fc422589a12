"""A company whose customers respond by a known truth: decisions, outcomes, learning and promotion, weeks in minutes."""

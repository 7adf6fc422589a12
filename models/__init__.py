"""A trained model at rest and at work: bundles, their registry, scoring, baselines."""

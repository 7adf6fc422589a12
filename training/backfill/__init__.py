"""New features for decisions that were made before there were any, and what was served beside what the history says."""

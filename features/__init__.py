"""What is known of a customer: the Feast repository, its online store and the encoding for the model."""

from features.unchecked import leave_feast_unchecked

leave_feast_unchecked()

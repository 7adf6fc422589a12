"""An open Feast repository: its configuration, what its online store has of a customer, and what is pushed there."""

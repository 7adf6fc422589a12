"""A company: its folder, its home, and its features as the registry of its Feast repository has them."""

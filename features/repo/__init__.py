"""The Feast repository: definitions alone, for `feast apply` imports every module of this folder."""

"""The service: decides which journey a customer should be in, and records what follows."""

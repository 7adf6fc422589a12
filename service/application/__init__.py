"""The use cases behind the wire: decide, take in events and outcomes, keep the catalogue in force."""

"""The files of a catalogue as documents: read, checked for form, every fault with its place."""

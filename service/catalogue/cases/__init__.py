"""`rumbo catalogue test`: the cases of a catalogue, decided and compared with what they must get."""

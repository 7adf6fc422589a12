"""Facts of many rows, a column a feature, and their encoding, which equals `Encoder.matrix` of each row bit for bit."""

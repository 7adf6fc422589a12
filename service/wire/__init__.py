"""The one place where messages become domain values (`requests`) and back (`answers`)."""

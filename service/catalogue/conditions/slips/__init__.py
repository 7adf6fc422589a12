"""What is wrong with a condition that CEL refuses, in the words of whoever wrote it, and what to write instead."""

"""Companies that are worked for as any other; nothing of Rumbo knows them."""

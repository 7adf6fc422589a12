"""From a log to what each journey is worth to whom: fitted, chosen and guarded on rows that no model had seen."""

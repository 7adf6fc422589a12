"""What the rules of a company cost, told from the two tables of an export. `log` alone reads them."""

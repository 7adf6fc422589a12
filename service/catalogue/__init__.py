"""The catalogue: journeys and policies as YAML under review, checked, hashed and bound into a plan.

`schema` is the form of the files, `conditions` compiles CEL, `bind` turns documents into rules and candidates,
`load` reads them.
"""

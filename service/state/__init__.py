"""What happened: events, contacts, outcomes, decisions, and the situation that follows from them.

`port` is what a store promises, `events` and `outcomes` say what a row must be, `fold` derives facts from sets of rows,
`sqlite` keeps them in one file.
"""

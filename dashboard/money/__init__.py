"""Money: budgets, watches, prepaid credit, when it ends, and the alerts about all of them.

Pure where it can be: frames, ledgers and moments are arguments. What holds state is `desk.Desk`; what
touches files is `ledger`, `alert_log` and `salt`; `channel` sends.
"""

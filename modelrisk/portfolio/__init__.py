"""The portfolio: what ledger, snapshots and signed decisions say together about all models on a given day.

A report is a pure function of the ledger up to an entry, the evidence it names, and a day. So the same day
gives the same bytes again, whatever the registry has become since.

What does not belong here: reading ledger and evidence (`resources.portfolios`), and how a report looks
(`modelrisk.documents.portfolio`).
"""

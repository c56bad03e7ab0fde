"""The portfolio report for people: a page for a board, and Markdown for the UI.

What does not belong here: what the report says (`modelrisk.portfolio`).
"""

"""Journal records: `records` parses them, `record_admission` refuses, `journal_ingestion` applies them to the store.

Applying a record twice must change nothing.
"""

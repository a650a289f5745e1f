"""Commands of events and automations."""

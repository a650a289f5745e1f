"""The server's decisions: functions whose first argument is a transaction. Routes and loops only parse and call them.

They must not build SQL, and must not import the SDK; whether a run may enter a state is decided by `prefect.rules`.
"""

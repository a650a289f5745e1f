"""What the server does: one function a thing that can be asked of it, each a transaction on the store.

Services decide and the store obeys; routes (and the local application, until there are routes) only parse and call.
They must not write SQL beyond conditions, and must not import the SDK: a rule is asked of `prefect.rules`.
"""

"""The server: `app > routes, loops > services > store, bus > db`.

It must not import the SDK. The client imports it by name at run time.
"""

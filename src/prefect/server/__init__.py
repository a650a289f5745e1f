"""The server's tower: `services > store > db`, on the kernel alone; routes, loops and the application come above.

It must not import the SDK. The client reaches it by name at run time, so that no layer looks up.
"""

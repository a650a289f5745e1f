"""Models of the API's objects, shared by the client and the server.

One definition keeps both sides equal. This package does no I/O and does not depend on storage or transport. Import the
module that you need (`states`, `runs`, `objects`, `actions`, ...), because importing all of them costs start-up time.
The server imports the schemas of its API from `wire`.
"""

"""Every stored thing, defined once, for the client and the server alike.

Why one place: the two sides of an API that each define their own models drift apart. It must not do I/O and must not
know how anything is stored or sent. Import the module that holds what you need (`states`, `runs`, `objects`,
`actions`, ...), because importing all of them costs start-up time. The server takes what its API shows from `wire`.
"""

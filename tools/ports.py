"""Free local ports, for the servers of tests and benchmarks."""

import itertools
import os
import random
import socket

PORTS = range(20_000, 32_000)
"""Below those from which the system takes one for a connection, and for whoever asks for any: nobody gets a port of
these by chance between the moment at which it is found free and that at which a server has started."""

_first = random.Random(os.getpid()).randrange(len(PORTS))  # processes that run at the same time begin apart
_candidates = itertools.cycle([*PORTS[_first:], *PORTS[:_first]])


def find_free_port() -> int:
    """Return a free local port, each time another one."""
    while True:
        port = next(_candidates)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

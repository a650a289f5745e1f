"""Which runs are alive: heartbeats renew their leases; runs whose process is gone get a state that says so.

It proposes states, and leaves their rows to `states`.
"""

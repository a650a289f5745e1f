"""Which runs are alive: heartbeats renew their leases; runs whose process is gone become Crashed.

It proposes states, and leaves their rows to `states`.
"""

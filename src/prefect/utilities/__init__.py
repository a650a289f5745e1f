"""Small tools without a home of their own: collections, callables, names, time-outs, processes.

Each module here stands alone, knows no run, no server and no setting it is not handed, and is cheap to import.
"""

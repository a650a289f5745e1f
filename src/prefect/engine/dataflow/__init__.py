"""Values that go into a run and come out of it: `parameters`, `outcomes`, and results that are stored or remembered.

It must not decide about states.
"""

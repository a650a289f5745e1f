"""`prefect.yaml`: the deployments of a project in a file.

`document` reads the file and knows where each value stands, `schema` checks it, `project` has its deployments with the
actions of each, `preparation` turns one into a `DeploymentSpec`, `saving` writes one back. This package must not print
or ask: the commands do.
"""

"""Values of forms: the parameters of runs and the variables of jobs, as people fill them in.

`hydration` replaces descriptions of values by the values, `bounded_templates` renders templates within limits, and
`json_schemas` checks values against a schema.
"""

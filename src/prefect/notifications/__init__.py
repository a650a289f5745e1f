"""Sending notifications and calling webhooks, from what a block stores: the type's slug and its values.

Blocks of users' programs and the server's automations send through this package, so it knows neither of them. `sending`
and `webhooks` are what they call; `services` knows the services that apprise speaks to, `requests` sends over HTTP,
`hosts` and `guarded_http` keep requests out of private networks.
"""

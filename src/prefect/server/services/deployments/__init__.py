"""Deployments: their schedules, and the runs that schedules and people make of them."""

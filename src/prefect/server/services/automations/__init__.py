"""Automations: stored triggers and actions."""

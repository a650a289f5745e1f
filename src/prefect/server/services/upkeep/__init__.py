"""Startup, leader election, retention and server-wide settings."""

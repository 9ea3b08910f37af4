"""Servers: one model, many listeners."""

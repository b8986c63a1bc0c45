"""Deployments: where a model can be called, and with which credential."""

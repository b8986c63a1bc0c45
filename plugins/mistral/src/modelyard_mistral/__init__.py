"""Mistral for Modelyard."""

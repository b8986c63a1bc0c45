"""Anthropic's Claude for Modelyard."""

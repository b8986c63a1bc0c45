"""Structured output: a type or a schema in, a validated object out, whatever the provider."""

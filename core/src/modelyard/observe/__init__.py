"""Observers to hand to a runtime as ``hooks``: OpenTelemetry, and structured log records.

They see what the record of a call says, and nothing of its content unless told to.
"""

"""Deciding where a request goes, and what happens when it fails there."""

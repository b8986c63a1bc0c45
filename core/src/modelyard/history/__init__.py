"""Replaying a conversation to any provider, whoever made it."""

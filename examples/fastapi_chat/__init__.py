"""A chat page for any model."""

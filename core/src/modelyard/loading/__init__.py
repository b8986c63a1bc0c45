"""Finding provider plugins, loading each in isolation, and talking to them with types."""

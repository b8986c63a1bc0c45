"""One call: planned, attempted, retried, streamed, recorded."""

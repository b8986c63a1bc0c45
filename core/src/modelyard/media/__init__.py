"""Media a provider does not fetch itself: fetched by us where the host allows it, and turned into bytes."""

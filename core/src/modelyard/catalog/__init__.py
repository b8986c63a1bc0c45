"""Facts about models, and finding the right one by name, capability or context."""

"""What is known of deployments between calls: health, limits, budgets; in process or in Redis."""

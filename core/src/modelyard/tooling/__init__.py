"""Everything about tools that is not a wire format: schemas, functions, orchestration."""

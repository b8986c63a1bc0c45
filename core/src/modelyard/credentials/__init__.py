"""Finding credentials, and keeping them out of sight."""

"""Chat Completions, for servers compatible with OpenAI's older API (``options={"api": "chat"}``)."""

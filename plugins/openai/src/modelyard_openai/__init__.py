"""OpenAI for Modelyard: the Responses API, and Chat Completions for compatible servers."""

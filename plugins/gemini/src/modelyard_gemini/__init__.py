"""Google's Gemini for Modelyard."""

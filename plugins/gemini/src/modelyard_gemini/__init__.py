"""Google's Gemini and Gemma for Modelyard, over the generateContent API."""

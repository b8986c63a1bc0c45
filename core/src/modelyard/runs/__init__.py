"""The tool loop: model, tools, model, until there is an answer or a hand-off."""

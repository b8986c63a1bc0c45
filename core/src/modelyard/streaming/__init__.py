"""From bytes to events to a completion, with every cut, stall and breach of grammar an error."""

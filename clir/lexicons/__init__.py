"""Where lexicons come from: dumps, dictionaries, word vectors."""

"""Who answers, and within which limits: the text, by BERT, or a model of the Ollama server."""

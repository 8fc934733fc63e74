"""Ollama's own protocol, and OpenAI's as Ollama speaks it: BERT's adapters as models beside Ollama's.

Models named `bert-qa` and `bert-qa:ADAPTER` answer here, out of the messages that come with the question;
every other one is passed through to the Ollama server. Field names and errors are the protocols' own.
"""

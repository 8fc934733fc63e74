"""Text to windows to spans: the one tokenise-and-slide and the one span decoder. NumPy only."""

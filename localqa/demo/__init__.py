"""A page to try it on: what it asks the API, and how it shows the answers."""

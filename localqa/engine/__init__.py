"""Running the model: windows in, logits out; and the reader that answers queries with it."""

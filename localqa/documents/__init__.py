"""Documents: files to text with page and place, passages, and the library that keeps and finds them."""

"""The reader: adapters over a pool of bases, and the embedder."""

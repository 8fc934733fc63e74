"""Summaries: pairs of text and summary, ROUGE and BLEU, and a T5 that runs without torch."""

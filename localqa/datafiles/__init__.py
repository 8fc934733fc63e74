"""Data files of any kind: found, decoded and read as rows; what the rows mean is not known here."""

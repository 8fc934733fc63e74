"""From examples to an adapter and its report."""

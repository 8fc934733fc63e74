"""Judging an adapter: outcomes of questions -> scores, calibration, breakdowns, intervals, report."""

"""Quantify treatment response: change of one patient, growth, cohorts and the size of trials."""

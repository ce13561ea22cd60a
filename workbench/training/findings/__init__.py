"""What the records of trainings say: scores, verdicts with their intervals, effects of factors, and the sentences."""

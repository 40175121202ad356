"""What is measured on data the model never saw; the only part that reads the test split."""

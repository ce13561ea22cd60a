"""Networks: data, how they are built, the training loop, what is measured in every layer, and what it says."""
